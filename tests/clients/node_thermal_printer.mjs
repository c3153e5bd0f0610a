// node HOST PORT: prints a receipt, then asks the printer how it is.
import { ThermalPrinter, PrinterTypes, CharacterSet } from "node-thermal-printer";

const [host, port] = process.argv.slice(2);
const printer = new ThermalPrinter({
  type: PrinterTypes.EPSON,
  interface: `tcp://${host}:${port}`,
  characterSet: CharacterSet.PC858_EURO,
  width: 42,
});
const isConnected = await printer.isPrinterConnected();

printer.alignCenter();
printer.bold(true);
printer.println("CORNER SHOP");
printer.bold(false);
printer.alignLeft();
printer.drawLine();
printer.leftRight("Café crème", "3,50 €");
printer.setTextDoubleHeight();
printer.leftRight("TOTAL", "3,50 €");
printer.setTextNormal();
printer.underline(true);
printer.println("Thank you");
printer.underline(false);
printer.alignCenter();
printer.code128("T1-42", { width: 2, height: 60 });
printer.printQR("https://example.org/r/42", { cellSize: 6 });
printer.openCashDrawer();
printer.cut();
await printer.execute();

printer.clear();
printer.append(Buffer.from([0x10, 0x04, 0x01]));
const status = await printer.execute({ waitForResponse: true });
console.log(JSON.stringify({ isConnected, status: status.toString("hex") }));
