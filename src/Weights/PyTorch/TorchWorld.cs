using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.PyTorch;

/// <summary>A storage of numbers in the archive beside the pickle.</summary>
/// <param name="Key">Name of its file in the archive.</param>
/// <param name="Bytes">Size of an element in bytes.</param>
/// <param name="Count">Number of elements claimed.</param>
internal sealed record StoredNumbers(string Key, NumberType Type, int Bytes, long Count);

/// <summary>A tensor: a view of a storage.</summary>
internal sealed record StoredTensor(StoredNumbers Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>
/// The names that pickles of PyTorch weights may contain. Names that create tensors have the meaning of torch._utils. Other names
/// common in training checkpoints become inert objects. Every other name is rejected.
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
        // TorchScript writes modules as objects of classes defined by code in the archive; only their state is read.
        if (
            s_tensors.Contains(full)
            || s_dicts.Contains(full)
            || s_lists.Contains(full)
            || s_inert.Contains(full)
            || IsScript(global)
            || IsStorage(global)
        )
        {
            return global;
        }

        throw new WeightsException(
            $"{path}: its pickle asks for '{full}'. Weights files are read without running code, so only tensors and plain "
                + "values are allowed. "
                + "If you trust its author, save only its tensors in Python: load it with weights_only=True if that suffices, "
                + "then torch.save(model.state_dict(), path)."
        );
    }

    public object? Call(object? callable, object?[] arguments)
    {
        if (callable is not PickleGlobal global)
        {
            throw Malformed("it calls something that is not a name");
        }

        var name = global.ToString();
        if (s_tensors.Contains(name))
        {
            return Tensor(name, arguments);
        }

        if (s_dicts.Contains(name))
        {
            return DictOf(arguments);
        }

        if (s_lists.Contains(name))
        {
            return arguments.Length > 0 ? arguments[0] : null;
        }

        return new PickleObject(global);
    }

    /// <summary>Reads ('storage', type, key, device, numbers), the format of persistent_id in torch.save.</summary>
    public object? Load(PersistentId id)
    {
        if (id.Id is not PickleTuple { Items: ["storage", PickleGlobal type, string key, _, long count, ..] } || count < 0)
        {
            throw Malformed("it refers to something that is not a storage");
        }

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
        {
            return arguments is [StoredTensor tensor, ..] ? tensor : throw Malformed("a parameter has no tensor");
        }

        if (arguments is not [StoredNumbers storage, long offset, var size, var stride, ..])
        {
            throw Malformed("a tensor has no storage");
        }

        var (shape, strides) = (Sizes(size), Sizes(stride));
        if (shape.Length != strides.Length || offset < 0 || Count(shape) is not { } count || count > storage.Count)
        {
            throw Malformed($"a tensor of shape [{string.Join(", ", shape)}] does not fit its storage of {storage.Count} numbers");
        }

        if (count > 0 && Last(offset, shape, strides) >= storage.Count)
        {
            throw Malformed($"a tensor of shape [{string.Join(", ", shape)}] reaches beyond its storage of {storage.Count} numbers");
        }

        return new StoredTensor(storage, offset, shape, strides);
    }

    private long[] Sizes(object? value)
    {
        IReadOnlyList<object?> items = value switch
        {
            PickleTuple tuple => tuple.Items,
            PickleList list => list.Items,
            _ => throw Malformed("a shape is not a tuple"),
        };
        return items.Count <= 16 && items.All(item => item is long and >= 0)
            ? [.. items.Select(item => (long)item!)]
            : throw Malformed("a shape contains something that is not a size");
    }

    /// <summary>Product of the sizes; null on overflow of 64 bits.</summary>
    private static long? Count(long[] shape)
    {
        long count = 1;
        foreach (var size in shape)
        {
            if (Math.BigMul(count, size, out count) != 0 || count < 0)
            {
                return null;
            }
        }

        return count;
    }

    /// <summary>Index of a tensor's last element in its storage.</summary>
    private static Int128 Last(long offset, long[] shape, long[] strides)
    {
        var last = (Int128)offset;
        foreach (var (size, stride) in shape.Zip(strides))
        {
            last += (Int128)(size - 1) * stride;
        }

        return last;
    }

    /// <summary>
    /// A pickle pays for a list's length once, but can recall it and convert it to a dict any number of times; limiting these
    /// copies bounds memory.
    /// </summary>
    private PickleDict DictOf(object?[] arguments)
    {
        var dict = new PickleDict();
        var pairs = arguments.OfType<PickleList>().FirstOrDefault()?.Items ?? [];
        if ((_copied += pairs.Count) > MaxCopied)
        {
            throw Malformed($"its dicts have more than {MaxCopied} entries");
        }

        foreach (var pair in pairs)
        {
            if (pair is PickleTuple { Items: [var key, var value] })
            {
                dict.Entries.Add(new(key, value));
            }
        }

        return dict;
    }

    private WeightsException Malformed(string why) => new($"{path}: is not a PyTorch weights file: {why}.");
}
