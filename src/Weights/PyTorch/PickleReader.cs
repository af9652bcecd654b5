using System.Buffers.Binary;
using System.Text;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.PyTorch;

/// <summary>Resolves the names in a pickle. Python would import and call any name; here only listed names have a meaning.</summary>
internal interface IPickleWorld
{
    /// <summary>Resolves a name.</summary>
    /// <exception cref="WeightsException">Weights do not need this name.</exception>
    PickleGlobal Find(string module, string name);

    /// <summary>The result of a call.</summary>
    object? Call(object? callable, object?[] arguments);

    /// <summary>The value of a reference to external data.</summary>
    object? Load(PersistentId id);
}

/// <summary>
/// Reads Python pickles of protocols 2 to 5 as data. A stack machine that builds numbers, strings, lists, dicts and the values that
/// <see cref="IPickleWorld"/> returns for names. It runs no code, and its memory is bounded by the length of the pickle.
/// </summary>
/// <remarks>
/// The opcodes are those of Python's Lib/pickletools.py. The text opcodes of protocol 0, which PyTorch never writes, are rejected.
/// </remarks>
internal sealed class PickleReader(byte[] pickle, string place, IPickleWorld world)
{
    private const int MaxOperations = 8_000_000;
    private static readonly object s_mark = new();
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<object?> _stack = [];
    private readonly Dictionary<long, object?> _memo = [];
    private int _at;

    /// <summary>Reads the value of the pickle.</summary>
    /// <exception cref="WeightsException">The pickle is malformed, or needs Python to run code.</exception>
    public object? Read()
    {
        for (var operations = 0; operations < MaxOperations; operations++)
        {
            var start = _at;
            var opcode = Take(1)[0];
            if (opcode == (byte)'.')
            {
                return Pop();
            }

            if (!Run(opcode))
            {
                throw Malformed($"byte {start} is 0x{opcode:x2}, which is not an opcode that PyTorch writes");
            }
        }

        throw Malformed($"it has more than {MaxOperations} operations");
    }

    private bool Run(byte opcode)
    {
        switch (opcode)
        {
            case 0x80:
                Take(1);
                return true;
            case 0x95:
                Take(8);
                return true;
            case (byte)'(':
                return Push(s_mark);
            case (byte)'0':
                Pop();
                return true;
            case (byte)'1':
                PopMark();
                return true;
            case (byte)'2':
                return Push(Peek());
            case (byte)'N':
                return Push(null);
            case 0x88:
                return Push(true);
            case 0x89:
                return Push(false);
            case (byte)'J':
                return Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
            case (byte)'K':
                return Push((long)Take(1)[0]);
            case (byte)'M':
                return Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
            case 0x8a:
                return Push(Integer(Take(Take(1)[0])));
            case 0x8b:
                return Push(Integer(Take(Length(4))));
            case (byte)'G':
                return Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
            case (byte)'X':
                return Push(Text(Length(4)));
            case 0x8c:
                return Push(Text(Take(1)[0]));
            case 0x8d:
                return Push(Text(Length(8)));
            case (byte)'U':
            case (byte)'C':
                return Push(Take(Take(1)[0]).ToArray());
            case (byte)'T':
            case (byte)'B':
                return Push(Take(Length(4)).ToArray());
            case 0x8e:
            case 0x96:
                return Push(Take(Length(8)).ToArray());
            case (byte)']':
            case 0x8f:
                return Push(new PickleList());
            case (byte)'}':
                return Push(new PickleDict());
            case (byte)')':
                return Push(new PickleTuple([]));
            case 0x85:
                return Push(new PickleTuple(PopMany(1)));
            case 0x86:
                return Push(new PickleTuple(PopMany(2)));
            case 0x87:
                return Push(new PickleTuple(PopMany(3)));
            case (byte)'t':
                return Push(new PickleTuple(PopMark()));
            case (byte)'l':
            case 0x91:
                return Extend(new PickleList(), PopMark(), push: true);
            case (byte)'d':
                return Update(new PickleDict(), PopMark(), push: true);
            case (byte)'a':
                return Append(PopMany(1));
            case (byte)'e':
            case 0x90:
                return Append(PopMark());
            case (byte)'s':
                return Set(PopMany(2));
            case (byte)'u':
                return Set(PopMark());
            case (byte)'q':
                return Keep(Take(1)[0]);
            case (byte)'r':
                return Keep(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)));
            case 0x94:
                return Keep(_memo.Count);
            case (byte)'h':
                return Push(Recall(Take(1)[0]));
            case (byte)'j':
                return Push(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))));
            case (byte)'c':
                return Push(world.Find(Line(), Line()));
            case 0x93:
                return PopMany(2) is [string module, string name]
                    ? Push(world.Find(module, name))
                    : throw Malformed("a name is not a string");
            case (byte)'R':
            case 0x81:
                return PopMany(2) is [var callable, PickleTuple arguments]
                    ? Push(world.Call(callable, arguments.Items))
                    : throw Malformed("a call has no arguments");
            case 0x92:
                return PopMany(3) is [var type, PickleTuple positional, _]
                    ? Push(world.Call(type, positional.Items))
                    : throw Malformed("a call has no arguments");
            case (byte)'b':
                Build(Pop());
                return true;
            case (byte)'Q':
                return Push(world.Load(new PersistentId(Pop())));
            default:
                return false;
        }
    }

    private bool Push(object? value)
    {
        _stack.Add(value);
        return true;
    }

    private object? Peek() => _stack.Count > 0 && _stack[^1] != s_mark ? _stack[^1] : throw Malformed("it pops an empty stack");

    private object? Pop()
    {
        var value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private object?[] PopMany(int count)
    {
        if (_stack.Count < count)
        {
            throw Malformed("it pops an empty stack");
        }

        return PopFrom(_stack.Count - count, _stack.Count - count);
    }

    private object?[] PopMark()
    {
        var mark = _stack.LastIndexOf(s_mark);
        return mark >= 0 ? PopFrom(mark, mark + 1) : throw Malformed("it lacks a mark");
    }

    private object?[] PopFrom(int keep, int first)
    {
        object?[] items = [.. _stack[first..]];
        if (items.Contains(s_mark))
        {
            throw Malformed("it pops an empty stack");
        }

        _stack.RemoveRange(keep, _stack.Count - keep);
        return items;
    }

    private bool Append(object?[] items) =>
        Peek() switch
        {
            PickleList list => Extend(list, items, push: false),
            PickleObject => true,
            _ => throw Malformed("it appends to something that is not a list"),
        };

    private bool Set(object?[] items) =>
        Peek() switch
        {
            PickleDict dict => Update(dict, items, push: false),
            PickleObject => true,
            _ => throw Malformed("it sets entries of something that is not a dict"),
        };

    private bool Extend(PickleList list, object?[] items, bool push)
    {
        list.Items.AddRange(items);
        return !push || Push(list);
    }

    private bool Update(PickleDict dict, object?[] items, bool push)
    {
        if (items.Length % 2 != 0)
        {
            throw Malformed("a dict has a key without a value");
        }

        for (var i = 0; i < items.Length; i += 2)
        {
            dict.Entries.Add(new(items[i], items[i + 1]));
        }

        return !push || Push(dict);
    }

    private void Build(object? state)
    {
        // Attributes of a dict, such as _metadata of a state dict, or of a tensor are not needed.
        if (Peek() is PickleObject built)
        {
            built.State = state;
        }
    }

    private bool Keep(long index)
    {
        _memo[index] = Peek();
        return true;
    }

    private object? Recall(long index) =>
        _memo.TryGetValue(index, out var value) ? value : throw Malformed($"it refers to memo {index}, which it never stored");

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > pickle.Length - _at)
        {
            throw Malformed("it is truncated");
        }

        _at += count;
        return pickle.AsSpan(_at - count, count);
    }

    private int Length(int bytes)
    {
        var length = bytes == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(Take(4)) : BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
        return length <= (ulong)(pickle.Length - _at) ? (int)length : throw Malformed("it is truncated");
    }

    /// <summary>Weights need no integers beyond 64 bits; such integers become null.</summary>
    private static object? Integer(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8)
        {
            return null;
        }

        long value = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            value |= (long)bytes[i] << (8 * i);
        }

        return bytes.Length is > 0 and < 8 && (bytes[^1] & 0x80) != 0 ? value | (-1L << (8 * bytes.Length)) : value;
    }

    private string Text(int length)
    {
        try
        {
            return s_utf8.GetString(Take(length));
        }
        catch (DecoderFallbackException)
        {
            throw Malformed("a string is not UTF-8");
        }
    }

    private string Line()
    {
        var length = pickle.AsSpan(_at).IndexOf((byte)'\n');
        if (length is < 0 or > 1000)
        {
            throw Malformed("a name does not end");
        }

        var line = Text(length);
        _at++;
        return line;
    }

    private WeightsException Malformed(string why) => new($"{place}: is not a PyTorch pickle: {why}.");
}

/// <summary>A Python name in a pickle: module and qualified name.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>A Python tuple.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>A Python list or set.</summary>
internal sealed class PickleList
{
    public List<object?> Items { get; } = [];
}

/// <summary>A Python dict, in insertion order.</summary>
internal sealed class PickleDict
{
    public List<KeyValuePair<object?, object?>> Entries { get; } = [];

    /// <summary>The value of the last entry with the given string key.</summary>
    public object? Find(string key) => Entries.FindLast(entry => entry.Key is string text && text == key).Value;
}

/// <summary>A Python object as its type and state; none of its class's code is run.</summary>
internal sealed class PickleObject(PickleGlobal type)
{
    public PickleGlobal Type { get; } = type;

    public object? State { get; set; }
}

/// <summary>A reference to data outside the pickle, such as a storage.</summary>
internal sealed record PersistentId(object? Id);
