"""`pos-plugin demo`: a whole shop on one machine. Head office and the till are child processes and real; the printer, the
scanner and the network cable exist only in software, and a control page works them."""
