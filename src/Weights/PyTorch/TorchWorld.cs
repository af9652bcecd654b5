using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.PyTorch;

/// <summary>A storage of numbers in the archive beside a pickle.</summary>
/// <param name="Key">Its name in the archive.</param>
/// <param name="Bytes">Bytes a number.</param>
/// <param name="Count">Numbers that it says it has.</param>
internal sealed record StoredNumbers(string Key, NumberType Type, int Bytes, long Count);

/// <summary>A tensor: a view of a storage.</summary>
internal sealed record StoredTensor(StoredNumbers Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>
/// What PyTorch's files of weights may refer to. The names that make tensors have the meaning that torch._utils gives them;
/// others that stand beside weights in training checkpoints become objects that nothing looks at; every other name is refused.
/// </summary>
internal sealed class TorchWorld(string path) : IPickleWorld
{
    private const int MaxCopied = 1_000_000;

    private static readonly HashSet<string> s_tensors = new(StringComparer.Ordinal)
    {
        "torch._utils._rebuild_tensor",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_parameter_with_state",
    };

    private static readonly HashSet<string> s_dicts = new(StringComparer.Ordinal)
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.Counter",
        "builtins.dict",
        "__builtin__.dict",
    };

    private static readonly HashSet<string> s_lists = new(StringComparer.Ordinal)
    {
        "torch.Size",
        "torch.jit._pickle.build_intlist",
        "torch.jit._pickle.build_tensorlist",
        "torch.jit._pickle.build_doublelist",
        "torch.jit._pickle.build_boollist",
        "torch.jit._pickle.restore_type_tag",
    };

    private static readonly HashSet<string> s_inert = (
        (IEnumerable<string>)
            [
                "argparse.Namespace",
                "torch.device",
                "torch.serialization._get_layout",
                "torch.storage.UntypedStorage",
                "_codecs.encode",
                "pathlib.PosixPath",
                "numpy.dtype",
                "numpy.ndarray",
                "numpy.core.multiarray.scalar",
                "numpy._core.multiarray.scalar",
                "numpy.core.multiarray._reconstruct",
                "numpy._core.multiarray._reconstruct",
                .. (
                    from module in new[] { "builtins", "__builtin__" }
                    from name in new[]
                    {
                        "set",
                        "frozenset",
                        "list",
                        "tuple",
                        "int",
                        "float",
                        "bool",
                        "str",
                        "bytes",
                        "complex",
                        "slice",
                        "bytearray",
                    }
                    select $"{module}.{name}"
                ),
                .. (
                    from name in new[]
                    {
                        "float64",
                        "float32",
                        "float16",
                        "bfloat16",
                        "int64",
                        "int32",
                        "int16",
                        "int8",
                        "uint8",
                        "bool",
                        "complex64",
                        "complex128",
                        "strided",
                        "sparse_coo",
                        "per_tensor_affine",
                    }
                    select $"torch.{name}"
                ),
            ]
    ).ToHashSet(StringComparer.Ordinal);

    private long _copied;

    public PickleGlobal Find(string module, string name)
    {
        var global = new PickleGlobal(module, name);
        var full = global.ToString();
        // TorchScript writes modules as objects of classes that the archive's own code describes; their state alone is read.
        if (
            s_tensors.Contains(full)
            || s_dicts.Contains(full)
            || s_lists.Contains(full)
            || s_inert.Contains(full)
            || IsScript(global)
            || IsStorage(global)
        )
            return global;
        throw new WeightsException(
            $"{path}: its pickle asks for '{full}'. Files of weights are read without running code, so that only tensors and plain "
                + "values can be in them. "
                + "If you trust whoever made it, save its tensors alone in Python: load it with weights_only=True where that is enough, "
                + "then torch.save(model.state_dict(), path)."
        );
    }

    public object? Call(object? callable, object?[] arguments)
    {
        if (callable is not PickleGlobal global)
            throw Malformed("it calls what is no name");
        var name = global.ToString();
        if (s_tensors.Contains(name))
            return Tensor(name, arguments);
        if (s_dicts.Contains(name))
            return DictOf(arguments);
        if (s_lists.Contains(name))
            return arguments.Length > 0 ? arguments[0] : null;
        return new PickleObject(global);
    }

    /// <summary>('storage', type, key, device, numbers), as torch.save's persistent_id makes it.</summary>
    public object? Load(PersistentId id)
    {
        if (id.Id is not PickleTuple { Items: ["storage", PickleGlobal type, string key, _, long count, ..] } || count < 0)
            throw Malformed("it refers to what is no storage");
        return NumberTypes.OfStorage(type.Name, out var number)
            ? new StoredNumbers(key, number.Type, number.Bytes, count)
            : throw Malformed($"it has a storage of type '{type}'");
    }

    private static bool IsScript(PickleGlobal global) =>
        global.Module == "__torch__" || global.Module.StartsWith("__torch__.", StringComparison.Ordinal);

    private static bool IsStorage(PickleGlobal global) =>
        global.Module is "torch" or "torch.cuda" && NumberTypes.OfStorage(global.Name, out _);

    private object? Tensor(string name, object?[] arguments)
    {
        if (name.StartsWith("torch._utils._rebuild_parameter", StringComparison.Ordinal))
            return arguments is [StoredTensor tensor, ..] ? tensor : throw Malformed("a parameter has no tensor");
        if (arguments is not [StoredNumbers storage, long offset, var size, var stride, ..])
            throw Malformed("a tensor has no storage");
        var (shape, strides) = (Sizes(size), Sizes(stride));
        if (shape.Length != strides.Length || offset < 0 || Count(shape) is not { } count || count > storage.Count)
            throw Malformed($"a tensor of shape [{string.Join(", ", shape)}] does not fit its storage of {storage.Count} numbers");
        if (count > 0 && Last(offset, shape, strides) >= storage.Count)
            throw Malformed($"a tensor of shape [{string.Join(", ", shape)}] reaches beyond its storage of {storage.Count} numbers");
        return new StoredTensor(storage, offset, shape, strides);
    }

    private long[] Sizes(object? value)
    {
        IReadOnlyList<object?> items = value switch
        {
            PickleTuple tuple => tuple.Items,
            PickleList list => list.Items,
            _ => throw Malformed("a shape is no tuple"),
        };
        return items.Count <= 16 && items.All(item => item is long and >= 0)
            ? [.. items.Select(item => (long)item!)]
            : throw Malformed("a shape has what is no size");
    }

    /// <summary>Product of sizes; null where it is beyond 64 bits.</summary>
    private static long? Count(long[] shape)
    {
        long count = 1;
        foreach (var size in shape)
        {
            if (Math.BigMul(count, size, out count) != 0 || count < 0)
                return null;
        }

        return count;
    }

    /// <summary>Place of a tensor's last number in its storage.</summary>
    private static Int128 Last(long offset, long[] shape, long[] strides)
    {
        var last = (Int128)offset;
        foreach (var (size, stride) in shape.Zip(strides))
            last += (Int128)(size - 1) * stride;
        return last;
    }

    /// <summary>
    /// A list costs a pickle its length once, and may be recalled and made a dict of any number of times: these copies are what memory is
    /// bounded by.
    /// </summary>
    private PickleDict DictOf(object?[] arguments)
    {
        var dict = new PickleDict();
        var pairs = arguments.OfType<PickleList>().FirstOrDefault()?.Items ?? [];
        if ((_copied += pairs.Count) > MaxCopied)
            throw Malformed($"its dicts have more than {MaxCopied} entries");
        foreach (var pair in pairs)
        {
            if (pair is PickleTuple { Items: [var key, var value] })
                dict.Entries.Add(new(key, value));
        }

        return dict;
    }

    private WeightsException Malformed(string why) => new($"{path}: is not a PyTorch file of weights: {why}.");
}
