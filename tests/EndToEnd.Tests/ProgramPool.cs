namespace ClipTrain.EndToEnd.Tests;

/// <summary>A pool of machines, here several nodes of this machine.</summary>
internal sealed class ProgramPool : IDisposable
{
    private readonly Func<string[], int, ProgramRun> _startNode;
    private readonly ProgramRun _pool;
    private readonly List<ProgramRun> _nodes = [];

    private ProgramPool(string folder, Func<string[], int, ProgramRun> startNode) =>
        (_startNode, _pool) = (startNode, ProgramRun.Start(folder, ["pool"]));

    /// <summary>The options with which commands reach the pool.</summary>
    public IReadOnlyList<string> Address { get; private set; } = [];

    /// <summary>Starts a pool and nodes of one core that have joined it.</summary>
    /// <param name="folder">The working directory.</param>
    /// <param name="nodes">Names of the nodes.</param>
    public static Task<ProgramPool> StartAsync(string folder, params string[] nodes) =>
        StartAsync(folder, (arguments, _) => ProgramRun.Start(folder, [.. arguments, "--cores", "1"]), nodes);

    /// <inheritdoc cref="StartAsync(string, string[])"/>
    /// <param name="folder">The working directory.</param>
    /// <param name="startNode">Starts the node with an index, given its arguments without the devices that it offers.</param>
    /// <param name="nodes">Names of the nodes.</param>
    public static async Task<ProgramPool> StartAsync(string folder, Func<string[], int, ProgramRun> startNode, params string[] nodes)
    {
        var pool = new ProgramPool(folder, startNode);
        try
        {
            await pool._pool.Printed("Machines join with");
            var line = pool._pool.Output.Split('\n').First(line => line.Contains("Machines join with", StringComparison.Ordinal));
            pool.Address = line[line.IndexOf("--coordinator", StringComparison.Ordinal)..].Trim().Split(' ');
            foreach (var node in nodes.Select(pool.Start).ToList())
            {
                await node.Printed("has joined the pool");
            }

            return pool;
        }
        catch
        {
            pool.Dispose();
            throw;
        }
    }

    /// <summary>The node with an index, in the order of their start.</summary>
    public ProgramRun this[int node] => _nodes[node];

    /// <summary>Starts a node, which may not have joined yet.</summary>
    public ProgramRun Start(string name)
    {
        var node = _startNode(["node", .. Address, "--name", name], _nodes.Count);
        _nodes.Add(node);
        return node;
    }

    public void Dispose()
    {
        _nodes.ForEach(node => node.Dispose());
        _pool.Dispose();
    }
}
