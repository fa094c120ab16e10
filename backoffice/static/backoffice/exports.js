// "All" and "None" above the columns of an export; without this script the boxes are ticked one by one.
document.querySelectorAll("[data-export]").forEach((form) => {
  form.querySelectorAll(".bo-export__all").forEach((buttons) => { buttons.hidden = false; });
  form.addEventListener("click", (event) => {
    const wanted = event.target.dataset?.tick;
    if (wanted) form.querySelectorAll("[name=column]").forEach((box) => { box.checked = wanted === "all"; });
  });
});
