// node HOST FILE OPTIONS: receiptio prints FILE, or asks what OPTIONS say, on port 9100 of HOST; it knows no other.
import { readFileSync } from "node:fs";
import receiptio from "receiptio";

const [host, file, options] = process.argv.slice(2);
const receipt = file ? readFileSync(file, "utf8") : "";
console.log(JSON.stringify({ result: await receiptio.print(receipt, `-d ${host} -t 10 ${options}`) }));
