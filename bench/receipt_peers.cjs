// The npm peers of bench/receipt.py: first the receipt, then for each line {"name", "times"} how long it took and its bytes.
'use strict';

const readline = require('readline');
const receiptline = require('receiptline');
const encoderModule = require('@point-of-sale/receipt-printer-encoder');
const Encoder = encoderModule.default || encoderModule.ReceiptPrinterEncoder || encoderModule;

let receipt = null;
let image = null;
let source = '';

function prepare(given) {
  receipt = given;
  const rgba = new Uint8ClampedArray(Buffer.from(given.image.rgba, 'base64'));
  image = { data: rgba, width: given.image.width, height: given.image.height };
  // In receiptline's language bars part columns, and these characters mean something.
  const escaped = (line) => line.replace(/[\\|{}~_"`^*]/g, (c) => '\\' + c);
  const lines = given.lines.map((line) => (/^-+$/.test(line) ? '-' : '|' + escaped(line) + '|'));
  source = `{image:${given.image.png}}\n${lines.join('\n')}\n{code:${given.qr};option:qrcode,6,m}\n`;
}

const peers = {
  'receipt-printer-encoder': () => {
    const encoder = new Encoder({ language: 'esc-pos', columns: receipt.columns, imageMode: 'raster', printerModel: receipt.model });
    encoder.initialize().codepage('cp858').image(image, image.width, image.height, 'threshold', 128);
    for (const line of receipt.lines) encoder.line(line);
    return encoder.qrcode(receipt.qr, { model: 2, size: 6, errorlevel: 'm' }).cut().encode();
  },
  receiptline: () => {
    const printer = { cpl: receipt.columns, encoding: 'cp858', gradient: false, spacing: false, cutting: true, command: 'escpos' };
    return Buffer.from(receiptline.transform(source, printer), 'binary');
  },
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  try {
    const asked = JSON.parse(line);
    if (asked.lines) {
      prepare(asked);
      console.log('{}');
      return;
    }
    const spent = [];
    let bytes = 0;
    for (let i = 0; i < asked.times; i++) {
      const start = process.hrtime.bigint();
      bytes = peers[asked.name]().length;
      spent.push(Number(process.hrtime.bigint() - start) / 1000);
    }
    spent.sort((a, b) => a - b);
    console.log(JSON.stringify({ us: spent[asked.times >> 1], bytes }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
});
