using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.PyTorch;

/// <summary>Finds a model's tensors in the contents of a pickle.</summary>
internal static class StateDict
{
    private const int MaxDepth = 64,
        MaxTensors = 1_000_000;
    private static readonly string[] s_wrappers = ["state_dict", "model_state_dict", "model"];

    /// <summary>
    /// Tensors by name: from a state dict, from one nested in a training checkpoint beside the optimizer's state, or from a
    /// TorchScript module, with names of submodules joined by dots.
    /// </summary>
    /// <exception cref="WeightsException">There are no tensors, or two have the same name.</exception>
    public static Dictionary<string, StoredTensor> Tensors(string path, object? root)
    {
        var tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        var visited = 0;
        Collect(path, "", Unwrap(root), 0, tensors, ref visited);
        return tensors.Count > 0
            ? tensors
            : throw new WeightsException($"{path}: contains neither a state dict (a dict of names and tensors) nor a TorchScript module.");
    }

    private static object? Unwrap(object? root) =>
        root is PickleDict dict && s_wrappers.Select(dict.Find).OfType<PickleDict>().FirstOrDefault() is { } wrapped ? wrapped : root;

    private static void Collect(
        string path,
        string prefix,
        object? value,
        int depth,
        Dictionary<string, StoredTensor> tensors,
        ref int visited
    )
    {
        var entries = value switch
        {
            PickleDict dict => dict.Entries,
            PickleObject { State: PickleDict state } => state.Entries,
            _ => [],
        };
        if (depth > MaxDepth || (visited += entries.Count) > MaxTensors)
        {
            throw new WeightsException($"{path}: its modules are nested in a cycle, or contain more than {MaxTensors} values.");
        }

        foreach (var (key, item) in entries)
        {
            if (key is not string name)
            {
                continue;
            }

            if (item is StoredTensor tensor && !tensors.TryAdd(prefix + name, tensor))
            {
                throw new WeightsException($"{path}: tensor '{prefix + name}' occurs twice.");
            }
            // A state dict is flat; only TorchScript modules contain submodules.
            if (item is PickleObject)
            {
                Collect(path, $"{prefix}{name}.", item, depth + 1, tensors, ref visited);
            }
        }
    }
}
