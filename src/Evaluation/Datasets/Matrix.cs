using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using TorchSharp;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>A pinned fp32 matrix, which a tensor can view without a copy.</summary>
public sealed class Matrix(int rows, int columns)
{
    private readonly float[] _values = GC.AllocateUninitializedArray<float>(checked(rows * columns), pinned: true);

    public int Rows => rows;

    public int Columns => columns;

    public Span<float> Values => _values;

    public Span<float> Row(int row) => _values.AsSpan(row * columns, columns);

    /// <summary>A tensor over the same memory. Keep the matrix alive as long as the tensor.</summary>
    public unsafe torch.Tensor View() => TensorMemory.FromBlob((nint)Unsafe(), [rows, columns], torch.float32);

    /// <summary>A copy of a contiguous fp32 tensor [rows, columns] in host memory.</summary>
    public static Matrix Of(torch.Tensor rows_nD)
    {
        var copy = new Matrix((int)rows_nD.size(0), (int)rows_nD.size(1));
        rows_nD.AsSpan<float>().CopyTo(copy.Values);
        return copy;
    }

    /// <summary>Concatenates the rows of at least one matrix.</summary>
    public static Matrix Join(IReadOnlyList<Matrix> parts)
    {
        var joined = new Matrix(parts.Sum(part => part.Rows), parts[0].Columns);
        var rest = joined.Values;
        foreach (var part in parts)
        {
            part.Values.CopyTo(rest);
            rest = rest[part.Values.Length..];
        }

        return joined;
    }

    /// <summary>Copies the rows with the given indices, in order.</summary>
    public Matrix Select(IReadOnlyList<int> chosen)
    {
        var selected = new Matrix(chosen.Count, columns);
        for (var i = 0; i < chosen.Count; i++)
        {
            Row(chosen[i]).CopyTo(selected.Row(i));
        }

        return selected;
    }

    private unsafe float* Unsafe() => (float*)Marshal.UnsafeAddrOfPinnedArrayElement(_values, 0);
}
