/* Draws what the pages hand over in data-chart and data-value; each chart's content stands in a table of its page as well. */
"use strict";
(() => {
  const FONT = '"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif';
  const NARROW = 560; // pixels: less has no room for words in a day
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const text = (size) => ({ fontFamily: FONT, fontSize: size, color: colour("ink") });
  // An HTML tooltip would need inline styles, which the pages' policy forbids.
  const tooltip = (say) => ({ renderMode: "richText", confine: true, formatter: say, backgroundColor: colour("card"),
    borderColor: colour("line"), textStyle: text(12.5) });
  const ENGLISH = document.documentElement.lang === "en";
  const said = (chinese, english) => (ENGLISH ? english : chinese);
  const SAID = said({ late: "迟到", some: "有迟到", unmeasured: "未观测", on_time: "按时", exempt: "免考核", open: "未到期", none: "无应到" },
    { late: "late", some: "some late", unmeasured: "unmeasured", on_time: "on time", exempt: "exempt", open: "not due", none: "none due" });
  const FILL = { late: "bad", some: "warn", unmeasured: "warn", on_time: "ok", exempt: "na", open: "run", none: "line" };
  const SIGN = { late: "✗", some: "△", unmeasured: "△", on_time: "✓" };

  function topology(value) {
    const level = (name) => (name === "hub" ? colour("brand") : colour(name));
    const named = (node) => said(node.name, node.english);
    const label = (node) => (node.id === "hub" ? named(node) : `${value.signs[node.level]} ${named(node)}`);
    const state = (node) => (node.wrong ? `${node.wrong} / ${node.routes} ${said("条链路需留意", "routes to look at")}`
      : node.routes ? `${node.routes} ${said("条链路正常", "routes in order")}` : "");
    const both = new Set(value.links.filter((one) => one.source === "hub").map((one) => one.target));
    return {
      animation: false,
      tooltip: tooltip((one) => one.dataType === "edge"
        ? `${one.data.said}\n${one.data.routes} ${said("条链路，今日", "routes, rows today:")} ${one.data.rows.toLocaleString()}${said(" 行", "")}` : `${one.name}\n${one.data.said || ""}`),
      series: [{
        type: "graph", layout: "none", preserveAspect: true, left: 170, right: 170, top: 16, bottom: 30, roam: false,
        edgeSymbol: ["none", "arrow"], edgeSymbolSize: 7, emphasis: { focus: "adjacency" },
        data: value.nodes.map((node) => ({
          id: node.id, name: label(node), x: node.x, y: node.y, said: state(node), symbolSize: node.id === "hub" ? 46 : node.size,
          symbol: node.many ? "roundRect" : "circle", itemStyle: { color: level(node.level), borderColor: colour("card"), borderWidth: 2 },
          label: { show: true, position: node.side, ...text(node.id === "hub" ? 14 : 12.5),
            fontWeight: node.level === "bad" || node.id === "hub" ? "bold" : "normal", backgroundColor: colour("card"), padding: [1, 3] },
        })),
        links: value.links.map((link) => ({
          ...link, said: link.source === "hub" ? said("交换库送达", "out of the hub") : said("送入交换库", "into the hub"),
          lineStyle: { color: level(link.level), width: link.width, opacity: 0.75, curveness: both.has(link.source) || link.source === "hub" ? 0.12 : 0.04,
            type: link.level === "na" ? "dashed" : "solid" },
        })),
      }],
    };
  }

  function calendar(value, narrow) {
    const days = value.days, first = days[0].day, last = days[days.length - 1].day;
    return {
      animation: false,
      tooltip: tooltip((one) => `${one.data.day}${one.data.work ? "" : said("（非工作日）", " (no working day)")}\n` +
        ["on_time", "late", "unmeasured", "exempt"].map((name) => `${SAID[name]} ${one.data[name]}`).join(said("，", ", "))),
      calendar: { orient: "vertical", range: [first, last], left: narrow ? 40 : 60, right: 10, top: 30, bottom: 6, cellSize: ["auto", 40],
        splitLine: { show: false }, itemStyle: { color: "transparent", borderColor: colour("card"), borderWidth: 2 },
        dayLabel: { firstDay: 1, nameMap: said([..."日一二三四五六"], ["Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"]), ...text(12) },
        monthLabel: { nameMap: Array.from({ length: 12 }, (_, i) => `${i + 1}${said("月", "")}`), ...text(12) }, yearLabel: { show: false } },
      series: [{
        type: "heatmap", coordinateSystem: "calendar",
        data: days.map((day) => ({ ...day, value: [day.day, 1], itemStyle: { color: colour(`${FILL[day.level]}bg`) || colour(FILL[day.level]),
          borderColor: colour("card"), borderWidth: 3 } })),
        label: { show: true, ...text(12), formatter: (one) => narrow ? `${Number(one.data.day.slice(8))} ${SIGN[one.data.level] || ""}` :
          `${Number(one.data.day.slice(8))} ${SIGN[one.data.level] || SAID[one.data.level]}` + (one.data.rate ? ` ${one.data.rate}` : one.data.late ? ` ${one.data.late}` : "") + (one.data.work ? "" : said(" 休", " off")) },
      }],
      visualMap: { show: false, min: 0, max: 1, inRange: { opacity: [1, 1] } },
    };
  }

  function latency(value, narrow) {
    const LOOK = [["brand", "solid", "circle"], ["warn", "solid", "triangle"], ["bad", "dashed", "diamond"], ["na", "dotted", "rect"]];
    const lasted = (seconds) => seconds == null ? "—" : `${Number(seconds.toPrecision(3))} ${said("秒", "s")}`;
    return {
      animation: false,
      legend: { top: 0, textStyle: text(12) },
      grid: { left: narrow ? 44 : 60, right: 14, top: 34, bottom: 26 },
      tooltip: { ...tooltip((all) => `${all[0].axisValue}${said("，", ", ")}${value.n[all[0].dataIndex]} ${said("次", "runs")}\n` +
        all.map((one) => `${one.seriesName} ${lasted(one.value)}`).join("\n")), trigger: "axis" },
      xAxis: { type: "category", data: value.days, axisLabel: { ...text(12), formatter: (day) => day.slice(5) },
        axisLine: { lineStyle: { color: colour("line") } } },
      yAxis: { type: "value", min: 0, name: said("秒", "s"), nameTextStyle: text(12), axisLabel: text(12), splitLine: { lineStyle: { color: colour("line") } } },
      series: value.lines.map((line, i) => ({
        type: "line", name: line.name, data: line.seconds, symbol: LOOK[i][2], symbolSize: 7, connectNulls: false,
        itemStyle: { color: colour(LOOK[i][0]) }, lineStyle: { color: colour(LOOK[i][0]), type: LOOK[i][1], width: 2 },
      })),
    };
  }

  function draw(place) {
    const value = JSON.parse(place.dataset.value);
    const made = echarts.getInstanceByDom(place) || echarts.init(place);
    made.setOption({ topology, calendar, latency }[place.dataset.chart](value, place.clientWidth < NARROW), true);
    made.off("click");
    made.on("click", (one) => {
      if (one.dataType === "node" && one.data.id !== "hub") location.hash = one.data.id;
      if (one.data && one.data.day && value.path) location.href = `${value.path}?day=${one.data.day}`;
    });
  }

  const all = () => document.querySelectorAll("[data-chart]");
  addEventListener("DOMContentLoaded", () => all().forEach(draw));
  addEventListener("resize", () => all().forEach((place) => { echarts.getInstanceByDom(place).resize(); draw(place); }));
  matchMedia("(prefers-color-scheme:dark)").addEventListener("change", () => all().forEach(draw));
})();
