using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

/// <summary>
/// Any operator of libtorch by its name and overload, called through the dispatcher, so that autograd and devices work as
/// they do from Python. Arguments are positional, in the schema's order; trailing ones that are left out take the schema's
/// defaults. The operator is looked up at its first call.
/// </summary>
/// <example><c>static readonly TorchOp linear = new("aten::linear"); Tensor y = linear.Call(x, weight, bias);</c></example>
public sealed class TorchOp(string name, string overload = "")
{
    private const int StackScratchWords = 64;
    private nint _handle;

    /// <summary>The name with its overload, as in <c>aten::add.Tensor</c>.</summary>
    public string Name { get; } = overload.Length == 0 ? name : $"{name}.{overload}";

    /// <summary>Whether this libtorch has the operator.</summary>
    public bool Exists => _handle != 0 || (_handle = NativeMethods.ct_find_operator(name, overload)) != 0;

    /// <summary>The operator's signature in libtorch's notation.</summary>
    /// <exception cref="TorchException">This libtorch has no such operator.</exception>
    public unsafe string Schema => Marshal.PtrToStringUTF8((nint)NativeMethods.ct_operator_schema(Find()))!;

    /// <summary>Calls an operator that returns one tensor.</summary>
    /// <exception cref="TorchException">libtorch's error, with the schema.</exception>
    public unsafe torch.Tensor Call(params ReadOnlySpan<TorchValue> arguments)
    {
        NativeValue* results;
        int count = Invoke(arguments, &results);
        if (count != 1 || results->Tag != NativeTag.Tensor)
        {
            throw UnexpectedResult(results, count, "one tensor");
        }

        return new torch.Tensor(results->Pointer);
    }

    /// <summary>Calls an operator whose results are not wanted, as an in-place one's.</summary>
    /// <exception cref="TorchException">libtorch's error, with the schema.</exception>
    public unsafe void CallInPlace(params ReadOnlySpan<TorchValue> arguments) => Invoke(arguments, null);

    /// <summary>Calls an operator that returns several tensors or a list of them.</summary>
    /// <exception cref="TorchException">libtorch's error, with the schema.</exception>
    public unsafe torch.Tensor[] CallMany(params ReadOnlySpan<TorchValue> arguments)
    {
        NativeValue* results;
        int count = Invoke(arguments, &results);
        for (int i = 0; i < count; i++)
        {
            if (results[i].Tag != NativeTag.Tensor)
            {
                throw UnexpectedResult(results, count, "tensors");
            }
        }

        var tensors = new torch.Tensor[count];
        for (int i = 0; i < count; i++)
        {
            tensors[i] = new torch.Tensor(results[i].Pointer);
        }

        return tensors;
    }

    /// <summary>Calls an operator that returns a bool.</summary>
    /// <exception cref="TorchException">libtorch's error, with the schema.</exception>
    public unsafe bool CallBool(params ReadOnlySpan<TorchValue> arguments)
    {
        NativeValue* results;
        int count = Invoke(arguments, &results);
        return count == 1 && results->Tag == NativeTag.Bool ? results->Int != 0 : throw UnexpectedResult(results, count, "a bool");
    }

    public override string ToString() => Name;

    [SkipLocalsInit]
    private unsafe int Invoke(ReadOnlySpan<TorchValue> arguments, NativeValue** results)
    {
        nint handle = _handle != 0 ? _handle : Find();
        int words = 0;
        foreach (ref readonly TorchValue argument in arguments)
        {
            words += argument.ScratchWords;
        }

        if (words > StackScratchWords)
        {
            return InvokeWithLongLists(handle, arguments, words, results);
        }

        NativeValue* values = stackalloc NativeValue[arguments.Length];
        long* scratch = stackalloc long[StackScratchWords];
        return Invoke(handle, arguments, values, scratch, results);
    }

    private unsafe int InvokeWithLongLists(nint handle, ReadOnlySpan<TorchValue> arguments, int words, NativeValue** results)
    {
        NativeValue* values = stackalloc NativeValue[arguments.Length];
        var scratch = (long*)NativeMemory.Alloc((nuint)words, sizeof(long));
        try
        {
            return Invoke(handle, arguments, values, scratch, results);
        }
        finally
        {
            NativeMemory.Free(scratch);
        }
    }

    private unsafe int Invoke(
        nint handle, ReadOnlySpan<TorchValue> arguments, NativeValue* values, long* scratch, NativeValue** results)
    {
        for (int i = 0; i < arguments.Length; i++)
        {
            arguments[i].Write(out values[i], ref scratch);
        }

        int count = NativeMethods.ct_call(handle, values, arguments.Length, results);
        return count >= 0 ? count : throw new TorchException($"{Name}: {NativeError.LastText()}\nOperator: {Schema}");
    }

    private nint Find()
    {
        if (!Exists)
        {
            throw new TorchException($"{Name}: {NativeError.LastText()}");
        }

        return _handle;
    }

    private unsafe TorchException UnexpectedResult(NativeValue* results, int count, string wanted)
    {
        for (int i = 0; i < count; i++)
        {
            if (results[i].Tag == NativeTag.Tensor)
            {
                NativeMethods.ct_release(results[i].Pointer);
            }
        }

        return new TorchException($"{Name} did not return {wanted}.\nOperator: {Schema}");
    }
}
