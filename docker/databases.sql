-- The databases of a new server: one for hub and ledger, one for Airflow, each closed to the other's account.
-- CREATEROLE lets the ledger's first migration make its group roles (gateway_load, gateway_report, gateway_backup).
\set hub_password `cat "${SECRETS:-/run/secrets}/hub_password"`
\set airflow_password `cat "${SECRETS:-/run/secrets}/airflow_password"`
create role gateway login createrole password :'hub_password';
create role airflow login password :'airflow_password';
create database gateway owner gateway;
create database airflow owner airflow;
revoke connect on database gateway, airflow from public;
