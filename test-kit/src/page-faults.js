// Runs in a page: what is wider than the screen, and text with a contrast under 4.5 to 1 (WCAG 2.1, AA).
(() => {
  const faults = [];
  const { clientWidth, scrollWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`${scrollWidth} px wide, and the screen has ${clientWidth}`);
  const numbersOf = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const lightOf = (colour) => {
    const [r, g, b] = numbersOf(colour).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    if (!element) return 'rgb(255, 255, 255)';
    const { backgroundColor } = getComputedStyle(element);
    return numbersOf(backgroundColor)[3] === 0 ? behind(element.parentElement) : backgroundColor;
  };
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].find((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text) continue;
    const [a, b] = [lightOf(getComputedStyle(element).color), lightOf(behind(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faults.push(`${contrast.toFixed(1)} to 1: ${text.textContent.trim().slice(0, 40)}`);
  }
  return faults;
})();
