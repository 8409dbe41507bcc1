package serve

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Hostile names, links and files do nothing: they are text, or damaged, or not there, and nothing waits for them.
func TestHostile(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret.csv")
	check(t, os.WriteFile(secret, []byte("SECRET"), 0o644))
	run(t, filepath.Join(outside, "run"), 0.1, 2)
	dir := t.TempDir()
	script := `<img src=x onerror=alert(1)>"'&` + "`${1}`"
	one := run(t, filepath.Join(dir, script), 0.1, 3)
	for name, to := range map[string]string{"link.csv": secret,
		"up.csv": "../../" + filepath.Base(outside) + "/secret.csv", "passwd.txt": "/etc/passwd", "zero.csv": "/dev/zero"} {
		check(t, os.Symlink(to, one.Path(name)))
	}
	check(t, syscall.Mkfifo(one.Path("pipe.csv"), 0o644))
	check(t, os.Mkdir(one.Path("folder.csv"), 0o755))
	big, err := os.Create(one.Path("big.csv"))
	check(t, err)
	check(t, big.Truncate(mostSaved+1)) // sparse
	check(t, big.Close())
	check(t, os.Symlink(filepath.Join(outside, "run"), filepath.Join(dir, "linked")))
	check(t, os.Symlink(".", filepath.Join(dir, "again")))
	// Runs and grids of which a file is a pipe, a link out, endless, or nonsense.
	for name, spoil := range map[string]func(path string) error{
		"pipe":   func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"link":   func(p string) error { return os.Symlink(secret, p) },
		"zero":   func(p string) error { return os.Symlink("/dev/zero", p) },
		"text":   func(p string) error { return os.WriteFile(p, []byte("]{ÿ\x00"), 0o644) },
		"folder": func(p string) error { return os.Mkdir(p, 0o755) },
		"huge": func(p string) error {
			f, err := os.Create(p)
			if err == nil {
				err = errors.Join(f.Truncate(1<<40), f.Close())
			}
			return err
		},
	} {
		for _, file := range []string{"metrics.jsonl", "summary.json", "environment.json", "config.toml"} {
			at := filepath.Join(dir, "runs", name+"-"+file)
			run(t, at, 0.1, 3)
			check(t, os.RemoveAll(filepath.Join(at, file)))
			check(t, spoil(filepath.Join(at, file)))
		}
		m := newMadeUp(t, filepath.Join(dir, "grids", name), 2, 1)
		m.finish(0, 3)
		check(t, os.Remove(m.folder.Path("points", m.points[0].ID+".json")))
		check(t, spoil(m.folder.Path("points", m.points[0].ID+".json")))
		check(t, spoil(m.folder.Path("points", m.points[1].ID+".safetensors")))
		for _, part := range []string{"journal", "progress"} {
			check(t, os.MkdirAll(m.folder.Path(part), 0o755))
		}
		check(t, spoil(m.folder.Path("journal", "x.jsonl")))
		check(t, spoil(m.folder.Path("progress", "x.json")))
		plan := newMadeUp(t, filepath.Join(dir, "plans", name), 2, 1)
		check(t, os.Remove(plan.folder.Path("plan.json")))
		check(t, spoil(plan.folder.Path("plan.json")))
	}
	s := New([]string{dir})
	h := s.Handler()
	all := answerOf[overview](t, h, "/api/overview").Items
	names := map[string]cardRead{}
	for _, c := range all {
		names[c.Name] = c
		if strings.Contains(c.Name, "linked") || strings.Contains(c.Name, "again") {
			t.Errorf("a link is followed: %s", c.Name)
		}
		for _, path := range []string{"/api/item/", "/api/points/", "/api/figures/", "/report/", "/table/",
			"/plot/learning.json?of=", "/plot/sigma.json?of=", "/api/compare?of="} {
			text := ask(t, h, path+c.ID).Body.String()
			if strings.Contains(text, "SECRET") || strings.Contains(text, "root:") {
				t.Errorf("%s of %s tells a secret", path, c.Name)
			}
		}
	}
	for _, name := range []string{"pipe", "link", "zero", "text", "folder", "huge"} {
		c := names["grids/"+name]
		if c.Done != 2 || c.Total != 8 || !strings.Contains(c.Note, "1 damaged") {
			t.Errorf("grid with a record that is a %s: %+v", name, c)
		}
		if c, there := names["plans/"+name]; there && (c.State != damaged || c.Note == "") {
			t.Errorf("grid with a plan that is a %s: %+v", name, c)
		}
	}
	id := names[script].ID
	if id == "" {
		t.Fatalf("no item with the name %s among %v", script, names)
	}
	if page := ask(t, h, "/report/"+id).Body.String(); strings.Contains(page, "<img src=x") {
		t.Error("the name of a folder is markup in a report")
	}
	for _, name := range []string{"link.csv", "up.csv", "passwd.txt", "zero.csv", "pipe.csv", "folder.csv", "big.csv",
		".lock", "..%2fsecret.csv", "%2e%2e", "..%5csecret.csv", "config.toml%00.csv", "checkpoints", "config.tomlx",
		"%2fetc%2fpasswd", "C:secret.csv"} {
		if w := ask(t, h, "/file/"+id+"/"+name); w.Code == http.StatusOK {
			t.Errorf("file %s: %d %.40s", name, w.Code, w.Body)
		}
	}
	w := ask(t, h, "/file/"+id+"/config.toml")
	if w.Code != 200 || w.Header().Get("Content-Security-Policy") != sandboxPolicy {
		t.Errorf("config.toml: %d", w.Code)
	}
	for _, path := range []string{"/file/" + id + "/../../secret.csv", "/api/item/..", "/item/" + id + "/../../etc/passwd",
		"/plot/curves.json?of=../secret", "/plot/sigma.json?of=" + id + "/../../secret", "/static/../handler.go",
		"/static/%2e%2e/handler.go"} {
		if w := ask(t, h, path); w.Code == http.StatusOK && !strings.Contains(path, "sigma") {
			t.Errorf("%s: %d %.40s", path, w.Code, w.Body)
		}
	}
	if read := s.files; read > 0 {
		s.refresh(time.Now())
		if again := s.files - read; again > 60 { // of what cannot be read, all is tried again
			t.Errorf("%d files read again although nothing has changed", again)
		}
	}
}
