// What a till's page does with npm qz-tray, unchanged, from connecting to disconnecting.
// Arguments: the port, and the steps as JSON: [["find"], ["print", printer, options, data], …]. Prints what became of each.
import qz from "qz-tray";
import WebSocket from "ws";

const [port, steps] = [Number(process.argv[2]), JSON.parse(process.argv[3])];
const events = [];
const does = {
  version: () => qz.api.getVersion(),
  find: (...query) => qz.printers.find(...query),
  default: () => qz.printers.getDefault(),
  details: () => qz.printers.details(),
  listen: (...printers) => qz.printers.startListening(...printers),
  status: () => qz.printers.getStatus(),
  stop: () => qz.printers.stopListening(),
  event: (text) => heard(text),
  device: () => qz.networking.device(),
  hostname: () => qz.networking.hostname(),
  ports: () => qz.serial.findPorts(),
  socket: (host, port) => qz.socket.open(host, port),
  read: (path) => qz.file.read(path),
  usb: () => qz.usb.listDevices(false),
  hid: () => qz.hid.listDevices(),
  print: (printer, options, data) => qz.print(qz.configs.create(printer, options), data),
};

let waits = () => {};
async function heard(text) {
  while (!events.some((event) => event.statusText === text)) await new Promise((done) => (waits = done));
  return events.find((event) => event.statusText === text);
}

console.info = () => {};
qz.api.setWebSocketType(WebSocket);
qz.security.setCertificatePromise((resolve) => resolve("-----BEGIN CERTIFICATE-----"));
qz.security.setSignatureAlgorithm("SHA512");
qz.security.setSignaturePromise(() => (resolve) => resolve("c2lnbmVk"));
qz.printers.setPrinterCallbacks((event) => (events.push(event), waits()));
await qz.websocket.connect({ host: "127.0.0.1", usingSecure: false, port: { secure: [8181], insecure: [port] } });
const became = [];
for (const [name, ...rest] of steps) {
  process.stderr.write(`${name}\n`);
  became.push(
    await does[name](...rest).then((result) => ({ result: result ?? null }), (error) => ({ error: error.message })),
  );
}
await qz.websocket.disconnect();
process.stdout.write(JSON.stringify({ became, connected: qz.websocket.isActive() }), () => process.exit());
