// Package cuda runs a [kernels.Program] on an NVIDIA GPU, all members of a run at once.
//
// What enters: a Program, its Members and the training data. What leaves: trained states, sums and scores. The networks
// take every step together, as a dimension of the grids of a few launches; within an epoch the host checks only every
// 256 steps. A network's bytes depend neither on the other networks, nor on the batches into which they are split to
// fit into memory, nor on how steps are split into calls: every sum has a fixed order, and there are no floating-point
// atomics.
//
// The kernels are CUDA C++ in src, compiled by ptx.sh to PTX for compute capability 8.0, which is committed, embedded,
// and compiled by the driver for the GPU at hand. Each takes one struct, which src/records.cuh and records.go declare
// with the same fields. A [Driver] is what the VM needs of a device. There are two: the GPU through gorgonia.org/cu, in
// programs built with the tag gpu ([Device]), and an interpreter of the same PTX ([Interpreted]), with which the tests
// run every kernel and the whole VM without a GPU, and detect accesses out of bounds and races.
//
// # From instructions to launches
//
// A training step with small layers after the first (together at most 65,536 slots) is three launches:
//
//	launch              instructions                                    blocks, for each member
//	forward_*           Sample of all layers, Forward of the first      (out/20) (columns/128), and those that draw ahead
//	middle              all between the first Forward and dW            1
//	update_*            Update of all layers                            sum over layers of (columns/64) (out/16)
//	update_*sigma       UpdateShared                                    groups; only where sigma is shared
//	accumulate          SumGradient of all layers                       as update_*, which it replaces
//	langevin            Fluctuate of all layers                         the same
//	learn*              UpdateSynapses of all layers                    the same
//
// The middle kernel also gathers the minibatch of the next step, into the half of the input buffer that is not in use.
// With larger layers every instruction is a separate launch:
//
//	gather_*            Gather          one slot per distinct seed, not per member
//	forward_*           Sample, Forward per layer; activate follows where a layer has more than 128 columns
//	loss                Loss
//	backward            Backward
//	update_*            Update of all layers, after the last Backward
//	update_*sigma       UpdateShared
//	accumulate          SumGradient of all layers, after the last Backward
//	langevin            Fluctuate of all layers, after the last Backward
//	learn*              UpdateSynapses of all layers, after the last Backward
//
// Networks that are no chains of dense layers go this way too, and have launches of their own:
//
//	forward_*           Sample of all convolutions, once, as many blocks use the same weights
//	convolve            Convolve
//	convolve_back       ConvolveBackward
//	convolve_gradient   dW of a convolution, in parts, which convolve_reduce adds; update_* and the others read it
//	pool, pool_back     Pool, PoolBackward
//	flatten, _back      Flatten, FlattenBackward
//	join                Join: a launch for every two buffers
//	join_back           JoinBackward, Merge: the same
//
// What a window sees is unfolded to shared memory only, 20 positions and 128 (64) columns at a time. The buffers of a
// Split are one. Sums of gradients (SumGradient) of a convolution are refused.
//
// Where every example has its own noise, Forward is example_forward_*, which computes the means and the variances of
// pre-activations, and example_noise; Backward is example_slopes and example_back_*; and example_gradient_* forms the
// gradients of the sigmas of all layers before the kernels that move them.
//
// The choice follows from the program alone. Sixteen steps are recorded as one CUDA graph and replayed; the number of
// the step, the position of its minibatch and Adam's bias corrections come from an array on the device, computed on the
// host in float64. An evaluation uses the same forward kernels: a group of 20 test examples of one member is an
// instance, a block row of the grid, and score, mixture_add and mixture_score reduce each group to its figures, which
// the host adds in order.
//
// # Layout
//
// The noise decides how threads map to synapses. One block of Philox gives the columns k, k+16, k+32 and k+48 of a row,
// so a thread has these four columns, and sixteen threads share a row; each of their loads is a whole segment of 64
// bytes. In shared memory the four inputs of a thread are adjacent, so that one 16-byte load feeds four (update) or
// eight (forward) multiply-adds per example.
//
// Forward: a thread draws two rows of four weights and multiplies them with 20 examples into 40 sums in registers.
// Weights of the first layer are never stored in memory. Slices of 128 columns give a single network 35 blocks; their
// partial sums, 7 x 8 kB for the published first layer, stay in the L2 cache.
//
// Update: dW, four numbers per thread, never leaves the registers, and xi is drawn again rather than stored, which
// costs arithmetic, of which there is some to spare, and saves 8 bytes per synapse. Weights of later layers are stored:
// writing and reading them costs no more bytes than drawing them again for the backward pass, and the middle kernel,
// one block per member, has no time to draw them.
//
// Each rule that trains has its own update kernels, from one template: those without a suffix are Adam's, those with
// _sgd, _momentum or _rmsprop belong to these rules.
//
// The kernels with _priced in their names are those for costs of any form, learn those for synapses with parameters of
// their own: the host writes the formulas into their text before it is loaded. Their registers depend on the formulas.
//
// State is [member][field][layer][row][stride]: mu and its moments, phi and its; then the parameters of synapses that
// have their own, each with its moments, while mu and phi have none. Bytes moved per synapse and step of the first
// layer, which has 85 % of the published network's synapses, with Adam's two moments (8 less per moment and parameter
// without):
//
//	                       forward   update          sum
//	sigma per synapse      8         24 + 24         56
//	sigma shared           4         12 + 12         28
//	no noise               4         12 + 12         28
//
// Later layers add 12 for the stored weights. So 240 published networks move 1.25 GB a step when sigma is per synapse.
//
// A step of the rule Langevin moves only mu: 4 bytes forward and 8 instead of the update's. A step with frozen
// parameters moves 64 bytes instead of those of the update: [member][sum][layer][row][stride] in float64, followed by
// the sums of the inputs. The block that has a layer's first row also adds those up.
//
// # Registers, shared memory, occupancy
//
// By ptxas 11.8 for sm_90 (sm_80 in brackets where it differs); no kernel spills. Blocks per multiprocessor are the
// least of 2048/threads, 65,536 registers over the block's, and 228 (164) kB over shared memory + 1 kB; occupancy is
// the share of the 64 warps. Registers are given to warps, 256 at a time, out of each quarter's 16,384. B is the size
// of a minibatch. ptxas_test.go checks every number where ptxas is installed.
//
//	kernel                   threads  registers   shared bytes       blocks  occupancy
//	gather_bytes             256      18 (16)     0                  8       100 %
//	gather_floats            256      19 (18)     0                  8       100 %
//	copy                     256      32 (22)     0                  8       100 %
//	forward_means            160      98 (94)     10,240             3 (4)   23 % (31 %)
//	forward_shared           160      122 (116)   10,240             3       23 %
//	forward_synapse          160      124 (122)   10,240             3       23 %
//	activate                 256      32          0                  8       100 %
//	loss                     256      40          4 B                6       75 %
//	backward                 128      48          15,360             10      63 %
//	middle                   512      126         46,096 + 4 B       1       25 %
//	convolve                 160      100 (96)      12,016             3 (4)   23 % (31 %)
//	convolve_back            128      48            16,624             10 (9)  63 % (56 %)
//	convolve_gradient        256      32            7,408              8       100 %
//	convolve_reduce          256      32            0                  8       100 %
//	pool                     256      32 (33)       0                  8 (6)   100 % (75 %)
//	pool_back                256      38            0                  6       75 %
//	flatten                  256      22 (20)       0                  8       100 %
//	flatten_back             256      20 (19)       0                  8       100 %
//	join                     256      22 (18)       0                  8       100 %
//	join_back                256      14 (13)       0                  8       100 %
//	example_forward_shared   160      128 (102)   10,240             3       23 %
//	example_forward_synapse  160      111 (106)   10,240             3       23 %
//	example_noise            256      29 (31)     0                  8       100 %
//	example_slopes           256      13 (10)     0                  8       100 %
//	example_back_shared      128      55 (56)     15,616             9       56 %
//	example_back_synapse     128      55 (56)     15,360             9       56 %
//	example_gradient_shared  256      32 (40)     6,400              8 (6)   100 % (75 %)
//	example_gradient_synapse  256     32 (40)     6,400              8 (6)   100 % (75 %)
//	update_means             256      64          6,400              4       50 %
//	update_shared            256      64          6,400              4       50 %
//	update_synapse           256      64          6,400              4       50 %
//	update_sigma             64       32 (30)     256                32      100 %
//	update_sgd_means         256      64          6,400              4       50 %
//	update_sgd_shared        256      64          6,400              4       50 %
//	update_sgd_synapse       256      64          6,400              4       50 %
//	update_rmsprop_means     256      64          6,400              4       50 %
//	update_rmsprop_shared    256      64          6,400              4       50 %
//	update_rmsprop_synapse   256      64          6,400              4       50 %
//	update_rmsprop_sigma     64       32 (30)     256                32      100 %
//	update_momentum_means    256      64          6,400              4       50 %
//	update_momentum_shared   256      64          6,400              4       50 %
//	update_momentum_synapse  256      63 (64)     6,400              4       50 %
//	update_sgd_sigma         64       31          256                32      100 %
//	update_momentum_sigma    64       31 (30)     256                32      100 %
//	accumulate               256      80 (79)     6,400              3       38 %
//	langevin                 256      64          6,400              4       50 %
//	score                    32       32          160                32      50 %
//	mixture_add              32       32          0                  32      50 %
//	mixture_score            32       32          160                32      50 %
//
// The forward kernels have few warps, but each has eight independent chains of arithmetic, and 40 sums that save shared
// memory. Their inner loop has 931 instructions (sm_90) for 8 synapses and 20 examples, so the forward pass is bound by
// arithmetic; the update has enough loads in flight, 64 bytes per thread, to be bound by memory.
//
// # The next design, if measurements call for it
//
// None of this is built. A published network has 2.2 MB of parameters and moments (92,320 slots of 24 bytes), and an
// H100 or H200 has 65 MB of registers and shared memory (132 multiprocessors of 256 KB and 228 KB). Twelve networks at
// a time, 11 multiprocessors each, leave 201 kB of state to a multiprocessor: it fits into the 232 kB of shared memory
// that a block may have, and the registers stay free for work. Then no parameter leaves the chip in the 150,000 steps
// of 50 epochs; the next twelve networks follow. A step moves only a minibatch (16 kB), and activations and gradients
// of 100 neurons between the blocks of a network.
//
// A cluster of blocks, which has a barrier and reads one another's shared memory, runs within one of the GPU's eight
// groups of multiprocessors (GPCs), which have at most 18, and has at most 8 blocks, or 16 if a kernel asks for it
// (CUDA C++ Programming Guide, Thread Block Clusters; NVIDIA H100 Tensor Core GPU Architecture). So eight clusters of
// 11 fit, not twelve. Either the blocks of a network synchronise through the L2 cache, or up to 16 networks are held in
// clusters of 8: 277 kB per multiprocessor, of which 50 kB or more must stay in registers: at 512 threads these are 25
// of a thread's 128.
//
// The estimate. A multiprocessor issues 128 instructions of threads per cycle, 1.98 GHz at best. Today's kernels issue
// 116 per synapse and step in the forward pass (above) and up to 314 in the update (1,256 for 4 synapses; rarely taken
// branches are included, and loops that stage inputs count once). If noise were kept from the forward pass to the
// update, without addresses of device memory and without loads, perhaps 250 would be left; 40 multiplications and
// additions, one draw of noise, two of Adam's steps, a softplus and the cost are at least 150, counted by hand. In a
// step the blocks of a network synchronise six times (three layers forward, the loss, two layers backward), here
// assumed to take 0.5 us each. Microseconds per step of all networks, and of the first alone, with
// 4.3 (H200) and 3.0 TB/s (H100) of memory:
//
//	                                       12 at a time     240 networks   1 network
//	held, 430 instructions per synapse     13.8 + 3         336            17
//	held, 250                              8.0 + 3          221            11
//	held, 150                              4.8 + 3          157            8
//	today's design, bound by memory        -                290 (H200), 415 (H100); arithmetic alone 280
//
// With clusters of 8, 16 networks at a time take 22, 14 or 10, and 240 networks the same within a tenth. So with
// today's update, holding the state is slower on an H200 and gains a fifth on an H100; at 250 instructions it gains a
// quarter and a half. One network's arithmetic takes 1.2 us on the whole GPU today: what counts there is launches and
// waiting, about which nothing is known yet.
//
// To be measured first, on the GPU: how long today's step takes for 240 networks and for one, and each of its three
// launches; how near the update is to the bandwidth, and how many instructions it issues (ncu, smsp__inst_executed);
// the clock under this load; how long a barrier of a cluster of 8 and of 16 takes with an exchange of 8 kB through
// shared memory, and a synchronisation of 11 blocks through the L2 cache; how many clusters of 8 with 220 kB of shared
// memory each are resident at once (cuOccupancyMaxActiveClusters); and whether ptxas keeps a thread's part of the state
// in registers over a loop of steps. It would need PTX for compute capability 9.0, and barriers and shared memory of
// clusters in the interpreter; older GPUs keep today's design.
package cuda
