for (const wipe of document.querySelectorAll(".wipe")) {
  const handle = wipe.querySelector("input");
  const place = () => wipe.style.setProperty("--cut", handle.value + "%");
  handle.addEventListener("input", place);
  place();
}
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("#shots details")) folded.open = true;
});
const unfold = () => {
  const shot = /^#shot-\d+$/.test(location.hash) && document.querySelector(location.hash + " > details");
  if (shot) shot.open = true;
};
addEventListener("hashchange", unfold);
unfold();
