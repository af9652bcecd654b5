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

    // Few plain arguments, as almost every call has, are written straight to the stack.
    [SkipLocalsInit]
    private unsafe int Invoke(ReadOnlySpan<TorchValue> arguments, NativeValue** results)
    {
        if (arguments.Length > FewValues.Count)
        {
            return InvokeWithScratch(arguments, results);
        }

        Unsafe.SkipInit(out FewValues few);
        var values = (NativeValue*)&few;
        for (int i = 0; i < arguments.Length; i++)
        {
            ref readonly TorchValue argument = ref arguments[i];
            if (argument.IsList)
            {
                return InvokeWithScratch(arguments, results);
            }

            values[i] = argument.Plain;
        }

        return Invoke(arguments.Length, values, results);
    }

    // Lists are copied to memory that does not move during the call.
    [SkipLocalsInit]
    private unsafe int InvokeWithScratch(ReadOnlySpan<TorchValue> arguments, NativeValue** results)
    {
        int words = 0;
        foreach (ref readonly TorchValue argument in arguments)
        {
            words += argument.ScratchWords;
        }

        NativeValue* values = stackalloc NativeValue[arguments.Length];
        long* stack = stackalloc long[StackScratchWords];
        long* scratch = words <= StackScratchWords ? stack : (long*)NativeMemory.Alloc((nuint)words, sizeof(long));
        try
        {
            long* next = scratch;
            for (int i = 0; i < arguments.Length; i++)
            {
                arguments[i].Write(out values[i], ref next);
            }

            return Invoke(arguments.Length, values, results);
        }
        finally
        {
            if (scratch != stack)
            {
                NativeMemory.Free(scratch);
            }
        }
    }

    private unsafe int Invoke(int count, NativeValue* values, NativeValue** results)
    {
        int returned = NativeMethods.ct_call(_handle != 0 ? _handle : Find(), values, count, results);
        return returned >= 0 ? returned : throw new TorchException($"{Name}: {NativeError.LastText()}\nOperator: {Schema}");
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

    [InlineArray(Count)]
    private struct FewValues
    {
        public const int Count = 8;
        private NativeValue _first;
    }
}
