# One cell on GenStage. Arguments: steps, consumers, max demand, milliseconds of processor time to measure. Warms up and measures
# as child.ts does, and prints the same line of JSON.

defmodule Bench.Counter do
  use GenStage
  def init(limit), do: {:producer, {0, limit}}

  def handle_demand(demand, {next, limit}) do
    last = min(next + demand, limit) - 1
    {:noreply, :lists.seq(next, last), {last + 1, limit}}
  end
end

defmodule Bench.AddOne do
  use GenStage
  def init({source, max_demand}), do: {:producer_consumer, nil, subscribe_to: [{source, max_demand: max_demand}]}
  def handle_events(events, _from, state), do: {:noreply, for(event <- events, do: event + 1), state}
end

defmodule Bench.Adder do
  use GenStage

  def init({source, max_demand, limit, counter, parent}) do
    {:consumer, {0, limit, counter, parent}, subscribe_to: [{source, max_demand: max_demand}]}
  end

  def handle_events(events, _from, {sum, limit, counter, parent}) do
    sum = add(events, sum)
    count = :atomics.add_get(counter, 1, length(events))
    if count >= limit, do: send(parent, {:done, counter})
    {:noreply, [], {sum, limit, counter, parent}}
  end

  def handle_call(:sum, _from, {sum, _, _, _} = state), do: {:reply, sum, [], state}

  defp add([event | events], sum), do: add(events, sum + event)
  defp add([], sum), do: sum
end

defmodule Bench do
  @first_events 1_000
  @warm_up 0.3

  def main(steps, consumers, max_demand, wanted_ms) do
    {events, cpu_ms} = warm_up({steps, consumers, max_demand}, wanted_ms * @warm_up, @first_events)
    events = round(events * wanted_ms / cpu_ms)
    IO.puts(~s({"events":#{events},"cpuMs":#{run({steps, consumers, max_demand}, events)}}))
  end

  defp warm_up(pipeline, least_ms, events) do
    case run(pipeline, events) do
      cpu_ms when cpu_ms < least_ms -> warm_up(pipeline, least_ms, events * 2)
      cpu_ms -> {events, cpu_ms}
    end
  end

  # Processor time of all threads of this virtual machine.
  defp run({steps, consumers, max_demand}, events) do
    {before, _} = :erlang.statistics(:runtime)
    counter = :atomics.new(1, signed: true)
    {:ok, producer} = GenStage.start(Bench.Counter, events)

    {source, stages} =
      Enum.reduce(1..steps//1, {producer, [producer]}, fn _, {source, stages} ->
        {:ok, stage} = GenStage.start(Bench.AddOne, {source, max_demand})
        {stage, [stage | stages]}
      end)

    adders =
      for _ <- 1..consumers do
        {:ok, adder} = GenStage.start(Bench.Adder, {source, max_demand, events, counter, self()})
        adder
      end

    receive do
      {:done, ^counter} -> :ok
    end

    sum = adders |> Enum.map(&GenStage.call(&1, :sum)) |> Enum.sum()
    {now, _} = :erlang.statistics(:runtime)
    Enum.each(adders ++ stages, &Process.exit(&1, :kill))
    expected = div(events * (events - 1), 2) + steps * events
    if sum != expected, do: raise("#{events} events add up to #{expected}, not #{sum}")
    now - before
  end
end

Logger.configure(level: :error)
[steps, consumers, max_demand, cpu_ms] = Enum.map(System.argv(), &String.to_integer/1)
Bench.main(steps, consumers, max_demand, cpu_ms)
