// Evidence checks the numbers that pages publish against the tables that are committed beside them.
//
//	go run ./internal/evidence [-v] [PAGE.md ...]    # make evidence-check: README.md, docs and results/published
//
// A comment after a paragraph, a list or a table repeats its sentences, with an expression in place of each number:
//
//	Softmax reaches it in 16 of 20, ε-greedy in 1, after a median of 283 episodes.
//
//	<!-- evidence explore-table.csv
//	let at(explorer, column) = value("size=10; explorer=" + explorer, column)
//	reaches it in {at("softmax", "found")} of 20, ε-greedy in {at("epsilon", "found")}
//	after a median of {at("softmax", "first_median")} episodes
//	assert at("softmax", "found") > at("epsilon", "found")
//	-->
//
// A sentence may be cut to the words that identify it; "..." stands for any words, in tables for any within a cell;
// numbers in it are not checked. Sentences are found in the order in which they stand. A number agrees if the
// expression rounds to the digits that are printed; a result that is a text must stand there as it is. Numbers in the
// repeated words (the 20 above) must be in the text, and count as labels. The table lies in results/published; another
// is named before a query: "means.csv: seed=1". A line that begins with a blank continues the one before. Other lines:
//
//	let NAME = EXPR, let NAME(A, B) = EXPR   a name for what follows, also in later comments of the page
//	rows A | B = x | y; z | u                 the sentences that follow, once with A = "x", B = "y", once with "z", "u"
//	assert EXPR                              is true: for words like "never" and "best"
//	unchecked WORDS                          a sentence whose numbers no committed table has
//
// Expressions are those of github.com/expr-lang/expr (mean, median, min, max, sum, abs, map, filter, ...) and
//
//	column("a=1; b=x; c!=2; d>0", "e")   the numbers of a column in the rows that match, without missing ones; a~x is
//	                                     "contains x", and numbers are equal that agree to five digits
//	value(query, "e")                    the only one; an error if there are none or several
//	number(query)                        how many rows match
//	sd(xs), ci(xs)                       standard deviation (n-1); half of the t interval of the mean, 95 %
//	slope(xs, ys)                        of the straight line with the smallest squares
//	exact(k, n)                          the exact 95 % interval of k of n, [low, high], as shares (Clopper and Pearson)
//	ln(x), to(x, 100)                    logarithm; x rounded to multiples of 100, for "about 3,500"
//
// Of a page of results/published whose first part names `make evidence-check`, numbers that no comment covers are
// counted as unchecked and listed with -v; of other pages, those of the paragraphs with a comment. Numbers in code,
// links and headings, parts of words (AVX-512, 784-100-100-10), and words like "ten" do not count.
package main
