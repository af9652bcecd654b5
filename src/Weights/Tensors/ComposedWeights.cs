namespace ClipTrain.Weights.Tensors;

/// <summary>Writes a tensor's values, row-major and as fp32, into memory of its size.</summary>
public delegate void WeightReader(Span<float> destination);

/// <summary>A tensor computed from others when it is read.</summary>
public sealed record ComposedTensor(IReadOnlyList<long> Shape, WeightReader Read);

/// <summary>Weights under other names or in other arrangements than in their source, which this object owns.</summary>
public sealed class ComposedWeights(IWeights source, IReadOnlyDictionary<string, ComposedTensor> tensors) : IWeights
{
    public string Path => source.Path;

    public IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; } =
        tensors.ToDictionary(pair => pair.Key, pair => pair.Value.Shape, StringComparer.Ordinal);

    public void Read(string name, Span<float> destination)
    {
        if (!tensors.TryGetValue(name, out var tensor))
        {
            throw new WeightsException($"{Path}: has no tensor '{name}'.");
        }

        tensor.Read(destination);
    }

    public void Dispose() => source.Dispose();

    /// <summary>A tensor unchanged.</summary>
    public static ComposedTensor Same(IWeights source, string name) =>
        new(source.Shapes[name], destination => source.Read(name, destination));

    /// <summary>A transposed matrix.</summary>
    public static ComposedTensor Transposed(IWeights source, string name)
    {
        var (rows, columns) = ((int)source.Shapes[name][0], (int)source.Shapes[name][1]);
        return new(
            [columns, rows],
            destination =>
            {
                var matrix = new float[rows * columns];
                source.Read(name, matrix);
                for (var row = 0; row < rows; row++)
                {
                    for (var column = 0; column < columns; column++)
                    {
                        destination[(column * rows) + row] = matrix[(row * columns) + column];
                    }
                }
            }
        );
    }

    /// <summary>Tensors of the same shape, concatenated along the first dimension.</summary>
    public static ComposedTensor Joined(IWeights source, IReadOnlyList<string> names)
    {
        var shape = source.Shapes[names[0]];
        return new(
            [shape[0] * names.Count, .. shape.Skip(1)],
            destination =>
            {
                var part = destination.Length / names.Count;
                for (var i = 0; i < names.Count; i++)
                {
                    source.Read(names[i], destination.Slice(i * part, part));
                }
            }
        );
    }

    /// <summary>One of <paramref name="count"/> equal parts of a tensor along the first dimension.</summary>
    public static ComposedTensor Part(IWeights source, string name, int index, int count)
    {
        var shape = source.Shapes[name];
        return new(
            [shape[0] / count, .. shape.Skip(1)],
            destination =>
            {
                var whole = new float[destination.Length * count];
                source.Read(name, whole);
                whole.AsSpan(index * destination.Length, destination.Length).CopyTo(destination);
            }
        );
    }
}
