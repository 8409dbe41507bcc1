// Command quantal trains neural networks whose synapses are unreliable and pay for reliability.
//
// This package reads flags, calls the packages that do the work, and writes text or JSON. With --json the result is one
// JSON object on standard output and nothing else is written there; progress and remarks go to standard error. Exit
// status:
//
//	0            done
//	1            failed; also a fault of the program: the message names the file with its details
//	2            usage: a flag, a value or a configuration file
//	3            data or checkpoint missing, damaged or not the expected one
//	4            the network diverged
//	5            the requested device cannot be used, or failed
//	129/130/143  interrupted (SIGHUP/SIGINT/SIGTERM), with a checkpoint written
//
// A closed terminal sends SIGHUP. To survive that, start the program with nohup.
package main
