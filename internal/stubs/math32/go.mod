module github.com/chewxy/math32

go 1.26.0
