# Networks beside those of seed 1, for fig2and3.md: sh fig2and3.sh, after the grid itself. The values of c are those of the
# preset. First where a published network reaches 20 to 95 %, then the points of older comparisons and those that stood out.
quantal grid --out fig2 --noise heterogeneous --rho calcium --c 56.23413251903491,100.0,177.8279410038923,316.22776601683796 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho calcium --c 3.1622776601683795,5.623413251903491 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho membrane --c 31.622776601683796,56.23413251903491,100.0,177.8279410038923,316.22776601683796 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho membrane --c 1.778279410038923,3.1622776601683795 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho actin --c 5.623413251903491,10.0,17.78279410038923,31.622776601683796,56.23413251903491 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho actin --c 0.31622776601683794,0.5623413251903491 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho trafficking --c 1.778279410038923,3.1622776601683795,5.623413251903491,10.0,17.78279410038923 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho trafficking --c 0.1,0.17782794100389226,0.31622776601683794 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho calcium --c 3.1622776601683795,5.623413251903491,10.0,17.78279410038923,31.622776601683796 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho calcium --c 0.17782794100389226,0.31622776601683794,0.5623413251903491,1.0,1.778279410038923 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho membrane --c 1.778279410038923,3.1622776601683795,5.623413251903491,10.0,17.78279410038923 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho membrane --c 0.1,0.17782794100389226,0.31622776601683794,0.5623413251903491,1.0 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho actin --c 0.17782794100389226,0.31622776601683794,0.5623413251903491,1.0,1.778279410038923,3.1622776601683795 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho actin --c 0.01778279410038923,0.03162277660168379,0.056234132519034905,0.1,0.17782794100389226 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho trafficking --c 0.03162277660168379,0.056234132519034905,0.1,0.17782794100389226,0.31622776601683794,0.5623413251903491,1.0 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho trafficking --c 0.0017782794100389225,0.003162277660168379,0.00562341325190349,0.01,0.01778279410038923,0.03162277660168379,0.056234132519034905 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho calcium --c 0.0001,0.1,1.0 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho calcium --c 0.0001,0.1,10.0,100.0 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho trafficking --c 0.0001,0.01 --seeds 2-3
quantal grid --out fig2 --noise homogeneous --rho trafficking --c 0.0001,0.01,1.0,10.0 --seeds 2-3
quantal grid --out fig2 --noise heterogeneous --rho membrane --c 0.0001 --seeds 2-3,4-5
quantal grid --out fig2 --noise heterogeneous --rho calcium --c 0.00031622776601683794,0.0005623413251903491,0.001,0.01778279410038923 --seeds 2-5
quantal grid --out fig2 --noise heterogeneous --rho calcium --c 0.0001 --seeds 4-5
quantal grid --out fig2 --noise heterogeneous --rho actin --c 31.622776601683796 --seeds 4-5
