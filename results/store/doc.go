// Package store keeps the results of a run.
//
// What enters: the layout and state of a network (package kernels) with the text that a driver needs to continue, the
// figures measured after each epoch, the resolved configuration, and a [Record] for each network of a grid. What
// leaves: a run folder that survives crashes, and files that Python reads. The package knows neither the driver nor the
// graph; it keeps their data as text. Package tables makes tables and reports from these files, package draw writes
// figures by [WriteBytes].
//
// # Run folder
//
//	config.toml        everything resolved, enough to repeat the run
//	environment.json   program, processor, kernels, data set and its checksums
//	metrics.jsonl      one JSON object per line and epoch, see Epoch; WriteCurve writes such files of a grid
//	checkpoints/       step-000003000.safetensors: the newest two valid ones
//	times.json         the seconds that the run had taken at its last checkpoints, which contain no time themselves
//	summary.json       the results of the run
//	.lock              held by the process that works in the folder
//	.lock.held         replaces the lock if the file system has none: process and host
//
// All files but metrics.jsonl are written under a temporary name (a dot, the name, a random number), flushed to disk,
// renamed, and the folder is flushed; temporary files of killed processes are removed when the folder is next locked,
// or, for an export, when it is next written. Only regular files are written to: never through a symbolic link, nor to
// a device or a pipe. A line of metrics.jsonl counts if it is complete with its line end. One process at a time works
// in a folder (Create, Open); View reads without the lock.
//
// The folder of an experiment (CreateExperiment) has a table.csv and figures, and no checkpoints.
//
// # Checkpoint format
//
// A checkpoint is a safetensors file (https://github.com/huggingface/safetensors):
//
//	8 bytes   length n of the header, unsigned little-endian
//	n bytes   header: JSON in UTF-8, padded at the end with spaces to a multiple of 8
//	the rest  tensors one after the other in the order of the header, without gaps: float32, little-endian, C order
//
// The header is an object. Its first key, "__metadata__", is an object of strings; every other key is a tensor's name
// with {"dtype":"F32","shape":[...],"data_offsets":[begin,end]}, bytes counted from the end of the header.
//
// Metadata:
//
//	sha256          SHA-256 of the whole file, in lower-case hexadecimal, computed with 64 zeros ("0") instead of its own
//	                digits. It is the first key, so the digits are bytes 35 to 98 of the file, counted from 0.
//	format          quantal-checkpoint
//	format_version  1
//	step            training steps done, decimal
//	seed            the network's 64-bit seed, decimal
//	layers          sizes, as in 784-100-100-10
//	sharing         which synapses share a sigma: synapse (each its own), neuron, layer, network, or none (no noise)
//	graph           structure of the network, for the program that continues the run
//	driver          what else that program needs
//	synapse         what synapses learn, if that is not mu and phi: quantal
//	rule            the rule by which the network is trained, which is adam where it is absent
//	pixel_mean      inputs are pixels x, 0 to 255, as (x/255 - pixel_mean) / pixel_sd, or floats x without the /255; a
//	                number for each column, separated by commas, if they have their own
//	pixel_sd        if both are absent they are 0.1307 and 0.3081
//	target_mean     outputs that are numbers y stand for (y - target_mean) / target_sd, one of each for each output;
//	target_sd       if both are absent, for y itself
//
// Tensors, for layers N = 0, 1, ... in turn, shapes as in PyTorch's Linear (rows are neurons):
//
//	layerN.weight.mu [neurons][inputs]     means
//	layerN.bias.mu   [neurons]
//	layerN.weight.mu.m, layerN.bias.mu.m   first moments, of rule adam
//	layerN.weight.mu.v, layerN.bias.mu.v   second moments, of rule adam; velocities, of rule momentum;
//	                                       mean squares, of rule rmsprop; none of rule sgd
//
// and phi, where sigma = ln(1 + e^phi), each with the same moments:
//
//	sharing synapse   layerN.weight.phi [neurons][inputs], layerN.bias.phi [neurons]
//	sharing neuron    layerN.phi [neurons]
//	sharing layer     layerN.phi [1]
//	sharing network   phi [1], once, after all layers
//	sharing none      none
//
// With synapse quantal, mu and phi have no moments and follow from parameters that have: n_raw, p_raw and q, of the
// shapes of mu, after phi; n = ln(1 + e^n_raw), p = 1/(1 + e^-p_raw).
//
// A file of WriteNetwork has format quantal-network and no moments, and is otherwise the same. A file of TeamCheckpoint
// has format quantal-team-checkpoint: the tensors of each network, prefixed with its name and a slash; the seed and
// driver of each are in the metadata's key networks, a list in JSON.
//
// There is no time and no host name in the file: the same state gives the same bytes. A reader in Python:
//
//	import hashlib, json, struct
//	import numpy as np
//
//	def read(path):
//	    raw = open(path, "rb").read()
//	    (n,) = struct.unpack("<Q", raw[:8])
//	    header = json.loads(raw[8:8 + n])
//	    metadata = header.pop("__metadata__")
//	    blank = raw[:35] + b"0" * 64 + raw[99:]
//	    assert hashlib.sha256(blank).hexdigest() == metadata["sha256"]
//	    tensors = {}
//	    for name, t in header.items():
//	        begin, end = t["data_offsets"]
//	        tensors[name] = np.frombuffer(raw[8 + n + begin:8 + n + end], "<f4").reshape(t["shape"])
//	    return tensors, metadata
//
// Files of WriteSafetensors have the same form with the writer's own metadata; those of WriteNPZ hold the same arrays
// for numpy.load.
package store
