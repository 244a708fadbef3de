// Before containerd starts in a new node: forget the pods of the node that had this store before, and the images
// that others have replaced; keep the images.
//
// Containers, sandboxes and leases are what containerd's garbage collector starts from, beside the images; without
// them it removes the pods' snapshots by itself. Called as `forget-pods STORE MARK`; MARK is a file that a node loses
// when it ends: while it is there the pods are the node's own, and nothing is done.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

const database = "io.containerd.metadata.v1.bolt"

// The folders that hold images and what is known of them; our own marks lie beside.
var kept = map[string]bool{
	"io.containerd.content.v1.content":       true,
	database:                                 true,
	"io.containerd.snapshotter.v1.overlayfs": true,
	"sirocco-loaded":                         true,
}

func main() {
	store, mark := os.Args[1], os.Args[2]
	if _, err := os.Stat(mark); err == nil {
		return
	}
	if err := forget(store); err != nil {
		// What can't be read is of no use: images can be loaded again.
		fmt.Fprintf(os.Stderr, "%v; the store starts empty\n", err)
		kept = nil
		if err := removeOthers(store); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func forget(store string) error {
	if err := removeOthers(store); err != nil {
		return err
	}
	path := filepath.Join(store, database, "meta.db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	db, err := bbolt.Open(path, 0o644, &bbolt.Options{Timeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Update(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, root *bbolt.Bucket) error {
			return root.ForEachBucket(func(namespace []byte) error {
				return forgetIn(root.Bucket(namespace))
			})
		})
	})
}

func removeOthers(store string) error {
	entries, err := os.ReadDir(store)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if !kept[entry.Name()] {
			if err := os.RemoveAll(filepath.Join(store, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func forgetIn(namespace *bbolt.Bucket) error {
	for _, kind := range []string{"containers", "sandboxes", "leases"} {
		err := namespace.DeleteBucket([]byte(kind))
		if err != nil && !errors.Is(err, bbolt.ErrBucketNotFound) {
			return err
		}
	}
	images := namespace.Bucket([]byte("images"))
	if images == nil {
		return nil
	}
	return forgetReplaced(images)
}

// Each image is also known by its id, and stays so when another one is loaded under its name.
func forgetReplaced(images *bbolt.Bucket) error {
	named := map[string]bool{}
	ids := map[string]string{}
	err := images.ForEachBucket(func(name []byte) error {
		digest := string(images.Bucket(name).Bucket([]byte("target")).Get([]byte("digest")))
		if bytes.HasPrefix(name, []byte("sha256:")) {
			ids[string(name)] = digest
		} else {
			named[digest] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, digest := range ids {
		if !named[digest] {
			if err := images.DeleteBucket([]byte(id)); err != nil {
				return err
			}
		}
	}
	return nil
}
