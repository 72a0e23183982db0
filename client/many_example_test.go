package client_test

import (
	"context"
	"fmt"
	"log"

	"covey/client"
)

func ExampleClient_GetMany() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.DefaultAddr)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	keys := [][]byte{[]byte("job:17"), []byte("job:18"), []byte("job:19")}
	err = c.GetMany(ctx, keys, func(i int, value []byte) {
		fmt.Printf("%s is %s\n", keys[i], value)
	})
	if err != nil {
		log.Fatal(err)
	}
}
