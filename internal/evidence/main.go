package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

const published = "results/published"

func main() {
	verbose := flag.Bool("v", false, "also list the numbers that are not checked")
	flag.Parse()
	reports, err := pages(".", flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "evidence:", err)
		os.Exit(1)
	}
	faults := 0
	for _, r := range reports {
		for _, f := range r.Faults {
			fmt.Println(f)
		}
		faults += len(r.Faults)
		if *verbose {
			for _, u := range r.Listed {
				fmt.Println("not checked:", u)
			}
		}
	}
	for _, r := range reports {
		fmt.Println(r)
	}
	if faults > 0 {
		fmt.Printf("%d sentences or comments do not agree with the tables\n", faults)
		os.Exit(1)
	}
}

func (r *Report) String() string {
	if !r.Part {
		return r.Page + ": nothing is checked"
	}
	return fmt.Sprintf("%s: %d numbers and %d statements checked, %d labels, %d numbers unchecked", r.Page, r.Checked,
		r.Asserted, r.Labels, r.Unchecked)
}

// pages checks the pages named, or all: paths relative to root.
func pages(root string, names []string) ([]*Report, error) {
	if len(names) == 0 {
		for _, pattern := range []string{"*.md", "docs/*.md", published + "/*.md"} {
			found, err := filepath.Glob(filepath.Join(root, pattern))
			if err != nil {
				return nil, err
			}
			for _, f := range found {
				name, err := filepath.Rel(root, f)
				if err != nil {
					return nil, err
				}
				names = append(names, name)
			}
		}
	}
	var reports []*Report
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		whole := filepath.ToSlash(filepath.Dir(name)) == published
		reports = append(reports, check(name, string(text), filepath.Join(root, published), whole))
	}
	return reports, nil
}
