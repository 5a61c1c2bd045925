// An agent in Node.js, with nothing but amqplib.
//
// It takes over the first step of `validate_algorithms`: it looks at the packaged prices and says
// which days will be traded. Let the fleet know that this agent is outside, and start it:
//
//     OUTSIDE_AGENTS=data_validation_agent dramatiq actors &
//     cd examples/agents/node && npm install && npm start

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

import amqp from "amqplib";

import { prepareValidationData } from "./prices.js";

const URL = process.env.RABBITMQ_URL ?? "amqp://guest:guest@localhost:5672/%2F";
const BEAT_EVERY_MS = 1000 * Number(process.env.HEARTBEAT_INTERVAL ?? "15");
const NAME = "data_validation_agent";
const EXCHANGE = "amc_trader_exchange";
const QUEUE = `agent.${NAME}`;

const COMMANDS = {
  prepare_validation_data: (parameters) => prepareValidationData(parameters),
  health_check: () => ({ agent: NAME, status: "healthy", facts: { node: process.version } }),
  cancel: () => ({ acknowledged: true, cancelled: [] }),
  emergency_stop: () => ({ acknowledged: true, cancelled: [] }),
};

/** Send one envelope to the orchestrator; it is on disk when this is fulfilled. */
function say(channel, kind, payload, about = null) {
  const envelope = {
    id: randomUUID(),
    message_type: kind,
    sender: NAME,
    recipient: "orchestration_agent",
    payload,
    timestamp: new Date().toISOString(),
    correlation_id: about,
    priority: 2,
  };
  const options = { persistent: true, contentType: "application/json" };
  return new Promise((confirmed, refused) => {
    const body = Buffer.from(JSON.stringify(envelope));
    const told = (error) => (error ? refused(error) : confirmed());
    channel.publish(EXCHANGE, `${kind}.orchestration`, body, options, told);
  });
}

/** Do what a command says, and answer with its id. */
async function answer(channel, command) {
  const { command: name, parameters } = command.payload;
  let outcome;
  try {
    if (!Object.hasOwn(COMMANDS, name)) throw new Error(`unknown command ${name}`);
    outcome = { status: "completed", result: COMMANDS[name](parameters) };
  } catch (error) {
    outcome = { status: "failed", error: String(error) };
  }
  await say(channel, "response", { command: name, ...outcome }, command.id);
}

/** The command in a message; null, with a word in the log, if there is none. */
function read(message) {
  try {
    const command = JSON.parse(message.content.toString("utf8"));
    console.error(`${NAME}: ${command.payload.command} ${command.id}`);
    return command;
  } catch (error) {
    // Unacknowledged, it would come back for ever.
    console.error(`${NAME}: dropped what is no command: ${error}`);
    return null;
  }
}

/** Answer, then acknowledge: should it die in between, reading prices twice does no harm. */
async function receive(channel, message) {
  const command = read(message);
  if (command !== null) await answer(channel, command);
  channel.ack(message);
}

/** Connect, and work until the connection is lost. */
async function serve() {
  const connection = await amqp.connect(URL);
  const lost = once(connection, "close");
  connection.on("error", (error) => console.error(`${NAME}: ${error.message}`));
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange(EXCHANGE, "topic", { durable: true });
  await channel.assertQueue(QUEUE, { durable: true });
  await channel.bindQueue(QUEUE, EXCHANGE, `command.${NAME}`);
  await channel.prefetch(1);
  const failed = (error) => {
    console.error(`${NAME}: ${error.message}`);
    connection.close().catch(() => {});
  };
  await channel.consume(QUEUE, (message) => {
    if (message === null) failed(new Error("the queue was deleted"));
    else receive(channel, message).catch(failed);
  });
  const capabilities = Object.keys(COMMANDS).sort();
  const beat = () => say(channel, "heartbeat", { status: "running", capabilities }).catch(failed);
  const beating = setInterval(beat, BEAT_EVERY_MS);
  beat();
  await lost;
  clearInterval(beating);
}

// Work for ever, and connect again whenever the connection is lost.
for (;;) {
  try {
    await serve();
  } catch (error) {
    console.error(`${NAME}: no connection, trying again: ${error.message}`);
  }
  await pause(2000);
}
