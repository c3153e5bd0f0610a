// node HOST PORT FILE: the receipt in FILE becomes ESC/POS, and is sent.
import net from "node:net";
import { readFileSync } from "node:fs";
import receiptline from "receiptline";

const [host, port, file] = process.argv.slice(2);
const options = { command: "escpos", cpl: 48, encoding: "cp437", cutting: true };
const stream = Buffer.from(receiptline.transform(readFileSync(file, "utf8"), options), "binary");
const connection = net.connect(Number(port), host, () => connection.write(stream));
connection.on("data", (reply) => {
  console.log(JSON.stringify({ reply: reply.toString("hex") }));
  connection.end();
});
