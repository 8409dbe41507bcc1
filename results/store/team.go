package store

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

// TeamCheckpoint is everything needed to continue networks of one graph that train together. They are at the same step.
type TeamCheckpoint struct {
	Names    []string // of the networks, in the order of Networks
	Networks []*Checkpoint
}

// networkText is what differs between the networks of a team, apart from the state.
type networkText struct {
	Name   string `json:"name"`
	Seed   string `json:"seed"`
	Driver string `json:"driver"`
}

// Write writes the checkpoint to one file, which is replaced as a whole or not at all. The tensors are those of a
// Checkpoint, prefixed with the network's name and a slash.
func (t *TeamCheckpoint) Write(path string) error {
	if len(t.Networks) == 0 || len(t.Names) != len(t.Networks) {
		return fmt.Errorf("store: %s: want one or more networks, each with a name; got %d and %d", path, len(t.Networks),
			len(t.Names))
	}
	var (
		tensors []Tensor
		texts   []networkText
		list    = t.Networks[0].pieces()
	)
	first := t.Networks[0].metadata(teamFormat)
	for i, c := range t.Networks {
		if err := c.complete(); err != nil {
			return fmt.Errorf("store: %s: %s: %w", path, t.Names[i], err)
		}
		for key, value := range c.metadata(teamFormat) {
			if first[key] != value {
				return fmt.Errorf("store: %s: networks of a team differ in %s: %q and %q", path, key, first[key], value)
			}
		}
		texts = append(texts, networkText{t.Names[i], strconv.FormatUint(c.Seed, 10), c.Driver})
		tensors = append(tensors, c.tensors(t.Names[i]+"/", list)...)
	}
	line, err := json.Marshal(texts)
	if err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	first["networks"] = string(line)
	return writeCheckpoint(path, tensors, first)
}

// ReadTeamCheckpoint reads a file of TeamCheckpoint.Write and verifies all of it. A file that is damaged, is something
// else, or has a version unknown to this program gives a CorruptError.
func ReadTeamCheckpoint(path string) (*TeamCheckpoint, error) {
	tensors, metadata, err := ReadSafetensors(path)
	if err != nil {
		return nil, err
	}
	t, err := decodeTeam(tensors, metadata)
	if err != nil {
		return nil, Corrupt(path, "%v", err)
	}
	return t, nil
}

// TeamNames reads the names of the networks of a file of TeamCheckpoint.Write and their step from its header, without
// verifying the rest.
func TeamNames(path string) (names []string, step int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, FileError(path, err)
	}
	defer file.Close()
	metadata, err := readMetadata(file)
	if err != nil {
		return nil, 0, Corrupt(path, "%v", err)
	}
	common, err := decodeMetadata(metadata, teamFormat)
	if err != nil {
		return nil, 0, Corrupt(path, "%v", err)
	}
	var texts []networkText
	if err := json.Unmarshal([]byte(metadata["networks"]), &texts); err != nil {
		return nil, 0, Corrupt(path, "the list of networks cannot be read: %v", err)
	}
	for _, t := range texts {
		names = append(names, t.Name)
	}
	return names, common.Step, nil
}

func decodeTeam(tensors []Tensor, metadata map[string]string) (*TeamCheckpoint, error) {
	common, err := decodeMetadata(metadata, teamFormat)
	if err != nil {
		return nil, err
	}
	var texts []networkText
	if err := json.Unmarshal([]byte(metadata["networks"]), &texts); err != nil {
		return nil, fmt.Errorf("the list of networks cannot be read: %w", err)
	}
	list := common.pieces()
	if len(tensors) != len(texts)*len(list) {
		return nil, fmt.Errorf("has %d tensors, want %d for each of %d networks", len(tensors), len(list), len(texts))
	}
	team := &TeamCheckpoint{}
	for i, text := range texts {
		c := *common
		own := tensors[i*len(list):][:len(list)]
		if err := checkTensors(own, text.Name+"/", list); err != nil {
			return nil, err
		}
		if c.Seed, err = parseSeed(text.Seed); err != nil {
			return nil, err
		}
		c.Driver = text.Driver
		c.restore(own, list, len(momentsOf(c.Rule)))
		team.Names, team.Networks = append(team.Names, text.Name), append(team.Networks, &c)
	}
	return team, nil
}
