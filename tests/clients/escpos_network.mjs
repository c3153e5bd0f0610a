// node HOST PORT: prints a receipt as tills do that are built on the libraries escpos and escpos-network.
import escpos from "escpos";
import Network from "escpos-network";

const [host, port] = process.argv.slice(2);
const device = new Network(host, Number(port));
const printer = new escpos.Printer(device, { encoding: "cp858" });

device.open((error) => {
  if (error) throw error;
  printer.font("a").align("ct").style("bu").size(1, 1);
  printer.text("CORNER SHOP");
  printer.size(0, 0).style("normal").align("lt");
  printer.tableCustom([{ text: "Café crème", align: "LEFT", width: 0.6 }, { text: "3,50", align: "RIGHT", width: 0.3 }]);
  printer.text("TOTAL EUR                             3,50");
  printer.align("ct");
  printer.barcode("1234567", "EAN8", { height: 60 });
  printer.cashdraw(2);
  printer.cut();
  printer.close(() => console.log("{}"));
});
