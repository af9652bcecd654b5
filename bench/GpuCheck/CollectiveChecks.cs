using System.Diagnostics;
using ClipTrain.Torch.Collectives;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Bench.GpuCheck;

/// <summary>Collectives: NCCL between GPUs, or Gloo if the checks run on a CPU.</summary>
internal static class CollectiveChecks
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30),
        s_short = TimeSpan.FromSeconds(5);

    /// <summary>In a group of one, every collective returns its input.</summary>
    public static CheckResult Alone(Machine machine)
    {
        using var group = Open(machine, new Keys(), 0, 1, s_timeout);
        using var scope = NewDisposeScope();
        var values = arange(1000, float32, machine.Device);
        var (sum, gathered, share) = (values.clone(), empty_like(values), empty_like(values));
        group.AllReduce(sum).Wait();
        group.AllGather(gathered, values).Wait();
        group.ReduceScatter(share, values).Wait();
        group.Broadcast(values, 0).Wait();
        var same = new[] { sum, gathered, share }.All(tensor => tensor.to(CPU).IsSame(arange(1000, float32)));
        return new CheckResult("collectives of one rank", "each returns its input", same ? "all do" : "not all do", same);
    }

    public static IEnumerable<CheckResult> Between(Machine machine)
    {
        const string Equal = "two ranks: gradients compared with one",
            Late = "two ranks: one is missing",
            Sharded = "two ranks: sharded optimizer compared with unsharded";
        if (machine is { IsGpu: true, Gpus: < 2 })
        {
            foreach (var what in new[] { Equal, Sharded, Late })
            {
                yield return CheckResult.NotHere(what, "needs two GPUs");
            }

            yield break;
        }

        const int Pairs = 32;
        Tensor Weights(int world, bool shard)
        {
            var options = Work.Options(2 * Pairs, Precision.Fp32) with { ShardOptimizer = shard };
            return Ranks(
                machine,
                world,
                s_timeout,
                group =>
                {
                    var count = 2 * Pairs / world;
                    using var work = new Work(Work.Small, options, DeviceOf(machine, group.Rank), 1e-3, group);
                    work.State.SetRank(group.Rank, world);
                    var all = Work.Batch(Work.Small, 0, 2 * Pairs);
                    for (var step = 0; step < 3; step++)
                    {
                        work.Take(Part(all, group.Rank * count, count), [.. Enumerable.Repeat((long)count, world)]);
                    }

                    return work.State.Model.Parameters.Master.to(CPU, copy: true).DetachFromDisposeScope();
                }
            )[0];
        }

        using var one = Weights(1, false);
        using var two = Weights(2, false);
        using var sharded = Weights(2, true);
        yield return CheckResult.AtMost(Equal, Machine.Difference(two, one), 1e-5);
        yield return CheckResult.AtMost(Sharded, Machine.Difference(sharded, two), 1e-6);

        var started = Stopwatch.GetTimestamp();
        var left = Ranks(
            machine,
            2,
            s_short,
            group =>
            {
                try
                {
                    using var values = ones([1000], float32, DeviceOf(machine, group.Rank));
                    if (group.Rank == 0)
                    {
                        group.AllReduceSum(values);
                    }

                    return "the collective completed";
                }
                catch (DistributedException)
                {
                    return "the other rank gets an error";
                }
                finally
                {
                    group.Abandon();
                }
            }
        )[0];
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        yield return new CheckResult(
            Late,
            $"error within {2 * s_short.TotalSeconds} s",
            $"{left} after {seconds:F1} s",
            left == "the other rank gets an error" && seconds < 2 * s_short.TotalSeconds + 5
        );
    }

    private static TrainingBatch Part(TrainingBatch all, int start, int count) =>
        new(all.Images_b3SS.narrow(0, start, count), all.Tokens_bL.narrow(0, start, count), all.Ends_b.narrow(0, start, count), null, []);

    private static torch.Device DeviceOf(Machine machine, int rank) => machine.IsGpu ? new torch.Device(DeviceType.CUDA, rank) : CPU;

    private static ProcessGroup Open(Machine machine, IStoreBackend keys, int rank, int world, TimeSpan timeout) =>
        machine.IsGpu ? ProcessGroup.Nccl(keys, rank, world, rank, timeout) : ProcessGroup.Gloo(keys, rank, world, "127.0.0.1", timeout);

    /// <summary>Runs the same function on each rank, a thread of this process.</summary>
    private static T[] Ranks<T>(Machine machine, int world, TimeSpan timeout, Func<RankGroup, T> body)
    {
        if (world == 1)
        {
            return [body(new RankGroup())];
        }

        var keys = new Keys();
        var (results, errors) = (new T[world], new Exception?[world]);
        var threads = Enumerable
            .Range(0, world)
            .Select(rank => new Thread(() =>
            {
                try
                {
                    using var group = new RankGroup(Open(machine, keys, rank, world, timeout), rank, world);
                    results[rank] = body(group);
                }
                catch (Exception error)
                {
                    // In a thread it would end the process.
                    errors[rank] = error;
                }
            }))
            .ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return errors.FirstOrDefault(error => error is not null) is { } first
            ? throw new InvalidOperationException(first.Message, first)
            : results;
    }

    /// <summary>A store in memory.</summary>
    private sealed class Keys : IStoreBackend
    {
        private readonly Dictionary<string, byte[]> _values = new(StringComparer.Ordinal);

        public void Set(string key, ReadOnlySpan<byte> value)
        {
            lock (_values)
            {
                _values[key] = value.ToArray();
                Monitor.PulseAll(_values);
            }
        }

        public byte[] Get(string key, TimeSpan timeout)
        {
            lock (_values)
            {
                while (!_values.ContainsKey(key))
                {
                    if (!Monitor.Wait(_values, timeout))
                    {
                        throw new TimeoutException($"key '{key}' was not set in time");
                    }
                }

                return _values[key];
            }
        }
    }
}
