"""The parts of the till's HTTP interface: who may ask, what is asked, what is answered."""
