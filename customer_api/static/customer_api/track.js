// Times on the reader's own clock, with the zone's name. Without this script they stand in Korean time, and say so.
"use strict";

(() => {
  const language = document.documentElement.lang;
  const format = new Intl.DateTimeFormat(language, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = format.format(at);
  }
  document.querySelectorAll("[data-zone]").forEach((words) => { words.hidden = false; });
  document.querySelectorAll("[data-no-zone]").forEach((words) => { words.hidden = true; });
})();
