// A scanner that types: keys faster than any hand, then Enter or Tab. It works wherever the focus is, and leaves no digits behind.

const GAP_MS = 100; // the slowest scanners leave 80 ms between two keys,
const HAND_MS = 40; // which a quick hand does, too: of those only a long number with Enter is taken for a scan
const SHORTEST = 6;
const SHORTEST_NUMBER = 8;
const GS = "\u001d"; // between the elements of a GS1 code; scanners type it as Ctrl-]

export function listen(onCode) {
  let code = "", first = 0, last = 0, field = null, before = "";
  document.addEventListener("keydown", (event) => {
    const now = event.timeStamp;
    if (event.key === "Enter" || event.key === "Tab") {
      const read = code;
      code = "";
      const isFast = read.length >= SHORTEST && last - first <= HAND_MS * (read.length - 1);
      const isNumber = event.key === "Enter" && read.length >= SHORTEST_NUMBER && /^\d+$/.test(read);
      if (!(isFast || isNumber) || now - last > 2 * GAP_MS) return;
      event.preventDefault();
      event.stopPropagation();
      if (field) {
        field.value = before;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
      onCode(read);
      return;
    }
    if (["Shift", "Control", "Alt", "AltGraph", "CapsLock"].includes(event.key)) return;
    const isGs = event.ctrlKey && event.key === "]";
    if (isGs) event.preventDefault();
    else if (event.key.length !== 1 || event.metaKey || ((event.ctrlKey || event.altKey) && !event.getModifierState("AltGraph"))) {
      code = "";
      return;
    }
    if (!code || now - last > GAP_MS) {
      code = "";
      first = now;
      field = document.activeElement?.matches("input, textarea") ? document.activeElement : null;
      before = field ? field.value : "";
    }
    code += isGs ? GS : event.key;
    last = now;
  }, true);
}
