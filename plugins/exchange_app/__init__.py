"""The app that Airflow mounts below /exchange: pages for people, an interface for units, and the doors without a login."""
