// node HOST PORT: an encoded receipt, sent as its documentation says: "to do: send result to the printer".
import net from "node:net";
import ReceiptPrinterEncoder from "@point-of-sale/receipt-printer-encoder";

const [host, port] = process.argv.slice(2);
const stream = new ReceiptPrinterEncoder({ language: "esc-pos", columns: 42 })
  .initialize()
  .codepage("auto")
  .align("center")
  .bold(true)
  .line("CORNER SHOP")
  .bold(false)
  .align("left")
  .table(
    [
      { width: 30, align: "left" },
      { width: 12, align: "right" },
    ],
    [["Crème brûlée", "4,20 €"], ["Жёлтый чай", "2,00 €"]],
  )
  .rule()
  .invert(true)
  .line("PAID")
  .invert(false)
  .barcode("4006381333931", "ean13", { height: 60, text: true })
  .pdf417("https://example.org/p/42", { width: 3, height: 3, columns: 4 })
  .qrcode("https://example.org/r/42", { model: 2, size: 6, errorlevel: "m" })
  .pulse()
  .cut()
  .encode();
const connection = net.connect(Number(port), host, () => connection.write(Buffer.from(stream), () => connection.end()));
