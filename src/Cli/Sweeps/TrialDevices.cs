using System.Globalization;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;

namespace ClipTrain.Cli.Sweeps;

/// <summary>What the processes of a trial, or of a set of a suite, compute on: cores of this machine or GPUs of it.</summary>
internal sealed class TrialDevices
{
    private const string Core = "cpu:",
        Gpu = "cuda:",
        Visible = "CUDA_VISIBLE_DEVICES";

    /// <summary>
    /// True if this process may use fewer cores at a time than it may run on, as in a container with a CPU quota. Containers side by side
    /// would all bind to the same first cores, so the kernel places their processes.
    /// </summary>
    private static readonly bool s_hasQuota = AllowedCores().Count > System.Environment.ProcessorCount;

    private readonly int[] _numbers;
    private readonly bool _areGpus;

    /// <param name="names">Names of cores, such as cpu:0, or of GPUs, such as cuda:0.</param>
    public TrialDevices(IReadOnlyList<string> names)
    {
        _areGpus = names[0].StartsWith(Gpu, StringComparison.Ordinal);
        _numbers = [.. names.Select(name => Number(name, _areGpus ? Gpu : Core)!.Value)];
    }

    /// <summary>The node of a pool whose devices they are; null for those of this machine's sweep.</summary>
    public NodeProcesses? Node { get; init; }

    /// <summary>True to bind processes to the cores.</summary>
    public bool BindsCores { get; init; } = !s_hasQuota;

    public int Count => _numbers.Length;

    /// <summary>
    /// What precedes a command to bind it to cores, not to GPUs, which the environment selects, and to make it a process of the node.
    /// </summary>
    public IReadOnlyList<string> Binding => [.. Node?.Prefix ?? [], .. _areGpus || !BindsCores ? [] : TaskSet];

    /// <summary>Variables for the processes, in which GPUs are numbered from 0.</summary>
    public IReadOnlyDictionary<string, string> Environment =>
        _areGpus
            ? new Dictionary<string, string>(StringComparer.Ordinal)
            {
                [Visible] = SelectGpus(_numbers, System.Environment.GetEnvironmentVariable(Visible)),
            }
            : new Dictionary<string, string>(StringComparer.Ordinal);

    private string[] TaskSet => ["taskset", "-c", string.Join(',', _numbers)];

    /// <summary>Name of the pool for a kind of device.</summary>
    public static string PoolOf(bool gpus) => gpus ? PoolGrain.Gpus : PoolGrain.Cores;

    /// <summary>A kind of device in messages.</summary>
    public static string Noun(bool gpus) => gpus ? "GPU" : "core";

    /// <summary>The number of cores that a command line gives; null for all.</summary>
    /// <exception cref="UsageException">This machine does not have as many.</exception>
    public static int? Available(int? cores) =>
        cores < 1 || cores > System.Environment.ProcessorCount
            ? throw new UsageException(
                $"--cores must be from 1 to {System.Environment.ProcessorCount}, the number of cores of this machine."
            )
            : cores;

    /// <summary>Names of the first cores that this process may use; null for all.</summary>
    public static IReadOnlyList<string> Cores(int? count) =>
        [
            .. AllowedCores()
                .Take(count ?? System.Environment.ProcessorCount)
                .Select(core => string.Create(CultureInfo.InvariantCulture, $"{Core}{core}")),
        ];

    /// <summary>The cores of a list as Linux writes it, such as 0-3,8.</summary>
    public static IEnumerable<int> CoresIn(string list) =>
        list.Split(',')
            .Select(range => Array.ConvertAll(range.Split('-'), end => int.Parse(end, CultureInfo.InvariantCulture)))
            .SelectMany(ends => Enumerable.Range(ends[0], ends[^1] - ends[0] + 1));

    /// <summary>Checks the GPUs that a command line offers.</summary>
    /// <exception cref="UsageException">A name is not that of one GPU, or is given twice.</exception>
    /// <exception cref="DllNotFoundException">This machine has no such GPU, or the program was built without CUDA.</exception>
    public static void RequireGpus(IReadOnlyList<string> names)
    {
        foreach (var (i, name) in names.Index())
        {
            if (Number(name, Gpu) is null)
            {
                throw new UsageException($"--device is '{name}', which is not a GPU: give cuda:0, or cuda:0 and cuda:1, and so on.");
            }

            if (names.Take(i).Contains(name, StringComparer.Ordinal))
            {
                throw new UsageException($"--device {name} is given twice; a GPU is offered once.");
            }
        }

        foreach (var name in names)
        {
            ComputeDevice.Open(name);
        }
    }

    /// <summary>The value of CUDA_VISIBLE_DEVICES that selects GPUs.</summary>
    /// <param name="numbers">The GPUs, as this process numbers them.</param>
    /// <param name="own">This process's own selection; null if it sees all.</param>
    public static string SelectGpus(IReadOnlyList<int> numbers, string? own)
    {
        var seen = own?.Split(',', StringSplitOptions.TrimEntries);
        return string.Join(',', numbers.Select(number => seen is null ? number.ToString(CultureInfo.InvariantCulture) : seen[number]));
    }

    private static IReadOnlyList<int> AllowedCores()
    {
        const string key = "Cpus_allowed_list:";
        var allowed = File.ReadLines("/proc/self/status").First(line => line.StartsWith(key, StringComparison.Ordinal))[key.Length..];
        return [.. CoresIn(allowed)];
    }

    private static int? Number(string name, string kind) =>
        name.StartsWith(kind, StringComparison.Ordinal)
        && int.TryParse(name.AsSpan(kind.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
