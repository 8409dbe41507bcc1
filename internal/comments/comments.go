// Package comments reads from the source how structs and their fields are explained. `go generate ./results/columns`
// keeps that for the program, so that the comments of the code are the help of its users.
package comments

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Struct is a struct with fields that have names in JSON. Its name is that of its folder and its own, as in
// results/store.Epoch.
type Struct struct {
	Name, About string
	Fields      []Field
}

// Field is a field under its name in JSON. Of names the struct that its value is or has in a list, or is Parameter if a
// type parameter stands for it.
type Field struct{ Name, Of, About string }

// Parameter stands for a type that the declaration leaves open.
const Parameter = "*"

// source is the packages of a module that have been read, by folder and type.
type source struct {
	root   fs.FS
	module string
	read   map[string]map[string]declared
}

// declared is a struct type with the imports of its file, by the names they have there.
type declared struct {
	about   string
	of      *ast.StructType
	params  []string // its type parameters
	imports map[string]string
}

// Read reads the structs of the names, and those that their fields are made of, from the source of a module.
func Read(root fs.FS, module string, names ...string) ([]Struct, error) {
	s := source{root, module + "/", map[string]map[string]declared{}}
	var all []Struct
	done := map[string]bool{}
	for ; len(names) > 0; names = names[1:] {
		name := names[0]
		if done[name] {
			continue
		}
		done[name] = true
		d, err := s.find(name)
		if err == nil && d.of == nil {
			err = fmt.Errorf("comments: %s is no struct", name)
		}
		if err != nil {
			return nil, err
		}
		t := Struct{Name: name, About: d.about}
		if t.Fields, err = s.fields(name, d); err != nil {
			return nil, err
		}
		for _, f := range t.Fields {
			if f.Of != "" && f.Of != Parameter {
				names = append(names, f.Of)
			}
		}
		all = append(all, t)
	}
	return all, nil
}

// find is the declaration of a type; it has no struct if that is of another kind, or of another module.
func (s *source) find(name string) (declared, error) {
	at := strings.LastIndex(name, ".")
	folder := name[:at]
	if s.read[folder] == nil {
		s.read[folder] = map[string]declared{}
		files, err := fs.Glob(s.root, folder+"/*.go")
		if err != nil {
			return declared{}, err
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			if err := s.file(folder, path); err != nil {
				return declared{}, err
			}
		}
	}
	return s.read[folder][name[at+1:]], nil
}

func (s *source) file(folder, path string) error {
	text, err := fs.ReadFile(s.root, path)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
	if err != nil {
		return err
	}
	imports := map[string]string{}
	for _, i := range file.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if local, ours := strings.CutPrefix(path, s.module); err == nil && ours {
			imports[local[strings.LastIndex(local, "/")+1:]] = local
		}
	}
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok {
				of, _ := t.Type.(*ast.StructType)
				about := t.Doc.Text()
				if about == "" && len(g.Specs) == 1 {
					about = g.Doc.Text()
				}
				var params []string
				if t.TypeParams != nil {
					for _, p := range t.TypeParams.List {
						for _, n := range p.Names {
							params = append(params, n.Name)
						}
					}
				}
				s.read[folder][t.Name.Name] = declared{plain(about), of, params, imports}
			}
		}
	}
	return nil
}

// fields are those of a struct, with those of embedded structs in place of these.
func (s *source) fields(name string, d declared) ([]Field, error) {
	var list []Field
	var names []string // in Go and in JSON, by turns
	for _, f := range d.of.Fields.List {
		of := typeName(name[:strings.LastIndex(name, ".")], d.imports, f.Type)
		var inner declared
		var err error
		if of != "" {
			if inner, err = s.find(of); err != nil {
				return nil, err
			}
		}
		switch _, parameter, _ := strings.Cut(of, "."); {
		case slices.Contains(d.params, parameter):
			of = Parameter
		case inner.of == nil:
			of = ""
		}
		tag := ""
		if f.Tag != nil {
			text, err := strconv.Unquote(f.Tag.Value)
			if err != nil {
				return nil, err
			}
			tag, _, _ = strings.Cut(reflect.StructTag(text).Get("json"), ",")
		}
		switch {
		case tag == "-":
		case tag != "":
			for _, n := range f.Names {
				names = append(names, n.Name, tag)
			}
			list = append(list, Field{tag, of, plain(f.Doc.Text() + " " + f.Comment.Text())})
		case len(f.Names) == 0 && inner.of != nil:
			more, err := s.fields(of, inner)
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
		}
	}
	for i := range list {
		for n := 0; n < len(names); n += 2 {
			list[i].About = regexp.MustCompile(`\b`+names[n]+`\b`).ReplaceAllString(list[i].About, names[n+1])
		}
	}
	return list, nil
}

// typeName is the name of the type that an expression has in it, not behind the keys of a map.
func typeName(folder string, imports map[string]string, e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return typeName(folder, imports, t.X)
	case *ast.IndexExpr:
		return typeName(folder, imports, t.X)
	case *ast.ArrayType:
		return typeName(folder, imports, t.Elt)
	case *ast.Ident:
		return folder + "." + t.Name
	case *ast.SelectorExpr:
		if pkg, ok := t.X.(*ast.Ident); ok && imports[pkg.Name] != "" {
			return imports[pkg.Name] + "." + t.Sel.Name
		}
	}
	return ""
}

// plain is a comment in one line.
func plain(comment string) string { return strings.Join(strings.Fields(comment), " ") }
