for (const wipe of document.querySelectorAll(".wipe")) {
  const handle = wipe.querySelector("input");
  const place = () => wipe.style.setProperty("--cut", handle.value + "%");
  handle.addEventListener("input", place);
  place();
}
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("#shots details")) folded.open = true;
});
