#!/usr/bin/env node
/** The `millrace` command. */

import { quit } from '../host/signals.ts'
import { runCli } from './program.ts'

// What a configuration left open (servers, timers, pools) must not keep a command from ending.
void runCli(process.argv.slice(2)).then(quit)
