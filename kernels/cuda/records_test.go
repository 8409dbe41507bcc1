package cuda

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// header holds the declarations of src/records.cuh: the fields of each struct, as "type name", with * for any pointer,
// and the sizes that the compiler found to be true when the PTX was made.
type header struct {
	structs map[string][]string
	sizes   map[string]uintptr
}

func readHeader(t *testing.T, text string) header {
	t.Helper()
	h := header{map[string][]string{}, map[string]uintptr{}}
	text = regexp.MustCompile(`//.*`).ReplaceAllString(text, "")
	text = strings.Replace(text, "#pragma once", "", 1)
	take := func(form string, use func(m []string)) {
		f := regexp.MustCompile(form)
		for _, m := range f.FindAllStringSubmatch(text, -1) {
			use(m)
		}
		text = f.ReplaceAllString(text, "")
	}
	take(`struct (\w+) \{([^}]*)\};`, func(m []string) {
		for declaration := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(m[2]), ";"), ";") {
			d := regexp.MustCompile(`^\s*(?:const )?(unsigned char|\w+) (.*)$`).FindStringSubmatch(declaration)
			if d == nil {
				t.Fatalf("struct %s: %q is not a declaration", m[1], declaration)
			}
			for name := range strings.SplitSeq(d[2], ", ") {
				typ := d[1]
				if strings.HasPrefix(name, "*") {
					typ, name = "*", name[1:]
				}
				h.structs[m[1]] = append(h.structs[m[1]], typ+" "+name)
			}
		}
	})
	take(`sizeof\((\w+)\) == (\d+)( && )?`, func(m []string) {
		size, _ := strconv.Atoi(m[2])
		h.sizes[m[1]] = uintptr(size)
	})
	take(`static_assert\(\);`, func([]string) {})
	if rest := strings.TrimSpace(text); rest != "" {
		t.Errorf("records.cuh also says %q", rest)
	}
	return h
}

// nameIn is the name that a Go type has in records.cuh.
func nameIn(typ reflect.Type) string {
	switch name := strings.TrimSuffix(typ.Name(), "Record"); name {
	case "int32":
		return "int"
	case "uint32":
		return "unsigned"
	case "float32":
		return "float"
	case "Address":
		return "*"
	default:
		return strings.ToUpper(name[:1]) + name[1:]
	}
}

// differences says how a Go struct differs from that of the header. In C++ a field is at the next multiple of its size,
// or, if it is a struct, of its largest field's size.
func (h header) differences(typ reflect.Type) (all []string) {
	var fields []string
	next, largest := uintptr(0), uintptr(1)
	for i := range typ.NumField() {
		f := typ.Field(i)
		fields = append(fields, nameIn(f.Type)+" "+f.Name)
		align := f.Type.Size()
		if f.Type.Kind() == reflect.Struct {
			all = append(all, h.differences(f.Type)...)
			align = uintptr(f.Type.Align())
		}
		if next = (next + align - 1) / align * align; f.Offset != next {
			all = append(all, fmt.Sprintf("%v.%s is at %d, want %d", typ, f.Name, f.Offset, next))
		}
		next, largest = next+f.Type.Size(), max(largest, align)
	}
	if want := h.structs[nameIn(typ)]; !slices.Equal(fields, want) {
		all = append(all, fmt.Sprintf("%v has %q, records.cuh %q", typ, fields, want))
	}
	if size := (next + largest - 1) / largest * largest; typ.Size() != size || uintptr(typ.Align()) != largest {
		all = append(all, fmt.Sprintf("%v has %d bytes at a multiple of %d, want %d and %d",
			typ, typ.Size(), typ.Align(), size, largest))
	}
	return all
}

// The structs of records.go are those of src/records.cuh, field by field; records in memory have the size that the
// compiler asserted, parameters the size and alignment that the committed PTX declares.
func TestRecordsMatchSources(t *testing.T) {
	text, err := os.ReadFile("src/records.cuh")
	if err != nil {
		t.Fatal(err)
	}
	h := readHeader(t, string(text))
	seen := map[string]bool{}
	see := func(typ reflect.Type) {
		if seen[nameIn(typ)] {
			return
		}
		seen[nameIn(typ)] = true
		for _, d := range h.differences(typ) {
			t.Error(d)
		}
	}
	for _, r := range []any{
		memberRecord{}, stepRecord{}, langevinRecord{}, haltRecord{}, figuresRecord{}, sampledRecord{}, gradientRecord{},
		operationRecord{}, priceRecord{},
	} {
		typ := reflect.TypeOf(r)
		see(typ)
		if h.sizes[nameIn(typ)] != typ.Size() {
			t.Errorf("%v has %d bytes, records.cuh asserts %d", typ, typ.Size(), h.sizes[nameIn(typ)])
		}
	}
	for name, e := range entries {
		typ := reflect.TypeOf(e.parameters)
		see(typ)
		for i := range typ.NumField() {
			if f := typ.Field(i).Type; f.Kind() == reflect.Struct {
				seen[nameIn(f)] = true
			}
		}
		text, err := PTX(e.source)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(".entry %s(\n\t.param .align %d .b8 %s_param_0[%d]\n)", name, typ.Align(), name, typ.Size())
		if !strings.Contains(text, want) {
			_, is, _ := strings.Cut(text, ".entry "+name)
			t.Errorf("%s takes %v, of %d bytes at a multiple of %d; its PTX says %.100q", name, typ, typ.Size(), typ.Align(), is)
		}
		if typ.Size() > 4096 {
			t.Errorf("%v has %d bytes, and a kernel takes at most 4096", typ, typ.Size())
		}
	}
	for name := range h.structs {
		if !seen[name] {
			t.Errorf("records.go has no %s", name)
		}
	}
	if len(h.sizes) != 9 {
		t.Errorf("records.cuh asserts %d sizes, want 9", len(h.sizes))
	}
}

// Two structs that differ in the name, the order or the type of a field are different.
func TestRecordsThatDiffer(t *testing.T) {
	typ := reflect.TypeOf(copyParameters{})
	const same = "struct CopyParameters {\n  float4 *to;\n  const float4 *from; // a comment\n  int n;\n};"
	if d := readHeader(t, same).differences(typ); d != nil {
		t.Errorf("the same: %q", d)
	}
	for name, change := range map[string][2]string{
		"name": {"int n;", "int count;"}, "order": {"float4 *to;\n  const float4 *from;",
			"const float4 *from;\n  float4 *to;"},
		"type": {"int n", "unsigned n"}, "number for an address": {"*from", "from"}, "field more": {"int n;", "int n, m;"},
		"struct": {"CopyParameters", "Copy"},
	} {
		if d := readHeader(t, strings.Replace(same, change[0], change[1], 1)).differences(typ); len(d) == 0 {
			t.Errorf("another %s is not noticed", name)
		}
	}
}
