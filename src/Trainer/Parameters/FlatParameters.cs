using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Parameters;

/// <summary>
/// All parameters of a model in one layout, with a flat buffer each for master weights, gradients and, in half precision, a
/// compute-type copy of the parameters that the towers multiply by. Optimizer, gradient norm, all-reduce and checkpoints work on
/// these buffers.
/// </summary>
/// <remarks>
/// Order of the layout: parameters whose master weights are bf16; then those of the compute type, so that their copy is contiguous;
/// within each, those with weight decay first; then the running statistics of BatchNorms. The optimizer thus needs only a few
/// ranges, or one per distinct learning rate. Locked parameters come last: gradients and moments cover only the part of the layout
/// before them. Every parameter starts at a multiple of <see cref="FlatSlice.Alignment"/> elements.
/// </remarks>
public sealed class FlatParameters : IDisposable
{
    private readonly Dictionary<string, int> _indexByName = new(StringComparer.Ordinal);
    private readonly torch.Tensor[] _leaves;
    private readonly long[] _offsets;
    private torch.Tensor? _gradients;

    // The parts of Updated that are of one kind, regardless of learning rate.
    private readonly FlatSlice[] _parts;

    // Positions of the parameters that have a compute-type copy, in the layout and in that copy.
    private readonly List<(FlatSlice Master, long Offset)> _computed = [];

    /// <summary>
    /// Allocates the parameters and draws their initial values from the seed, in the order of <paramref name="specs"/>. Without a
    /// seed they are zeros, to be loaded.
    /// </summary>
    public FlatParameters(IReadOnlyList<ParameterSpec> specs, Precision precision, ulong? seed, torch.Device? device = null)
    {
        Specs = [.. specs.OrderBy(Group)];
        Precision = precision;
        _offsets = new long[Specs.Count];
        var (ranges, parts) = (new List<OptimizerRange>(), new List<(FlatSlice Slice, bool InComputeType)>());
        long end = 0,
            narrow = 0;
        for (var i = 0; i < Specs.Count; i++)
        {
            var spec = Specs[i];
            if (i == 0 || Group(Specs[i - 1]) != Group(spec))
            {
                parts.Add((new FlatSlice(end, 0), spec.InComputeType && !spec.IsNarrow));
            }

            if (i == 0 || Treatment(Specs[i - 1]) != Treatment(spec))
            {
                ranges.Add(
                    new OptimizerRange(end, 0, spec.Decays, spec.InComputeType && !spec.IsNarrow, spec.IsStatistic)
                    {
                        RateFactor = spec.RateFactor,
                        IsNarrow = spec.IsNarrow,
                    }
                );
            }

            _offsets[i] = end;
            end += (spec.Count + FlatSlice.Alignment - 1) / FlatSlice.Alignment * FlatSlice.Alignment;
            ranges[^1] = ranges[^1] with { Length = end - ranges[^1].Offset };
            parts[^1] = (new FlatSlice(parts[^1].Slice.Offset, end - parts[^1].Slice.Offset), parts[^1].InComputeType);
            narrow = spec.IsNarrow ? end : narrow;
            _indexByName.Add(spec.Name, i);
            if (!spec.IsLocked)
            {
                Updated = new FlatSlice(0, end);
            }
        }

        Ranges = [.. ranges.TakeWhile(range => range.Offset < Updated.End)];
        long computeLength = 0;
        foreach (var (slice, _) in parts.Where(part => part.InComputeType))
        {
            _computed.Add((slice, computeLength));
            computeLength += slice.Length;
        }

        // The image tower's gradients come first, then those of the text tower's bf16 weights; the rest is complete only at the end.
        var changed = parts.Select(part => part.Slice).TakeWhile(part => part.Offset < Updated.End).ToArray();
        var wide = changed.Where(part => part.Offset >= narrow).ToArray();
        _parts = [.. wide.Take(1), .. changed.Where(part => part.Offset < narrow), .. wide.Skip(1)];

        using (no_grad())
        using (var scope = NewDisposeScope())
        {
            Weights = new MasterWeights(narrow, end, device);
            if (precision != Precision.Fp32)
            {
                Compute = zeros([computeLength], ComputeType, device).DetachFromDisposeScope();
            }

            if (seed is not null)
            {
                Initialize(specs, seed.Value);
            }

            _leaves = [.. Specs.Select((_, i) => MakeLeaf(i).DetachFromDisposeScope())];
        }

        RefreshCompute();
    }

    /// <summary>The parameters in the order of the buffers.</summary>
    public IReadOnlyList<ParameterSpec> Specs { get; }

    /// <summary>Compute precision of the towers.</summary>
    public Precision Precision { get; }

    /// <summary>Ranges that the optimizer treats uniformly.</summary>
    public IReadOnlyList<OptimizerRange> Ranges { get; }

    /// <summary>The part of the layout that a step changes: trained parameters and running statistics.</summary>
    public FlatSlice Updated { get; }

    /// <summary>The part of the layout trained by gradients: <see cref="Updated"/> without the running statistics.</summary>
    public FlatSlice Trained => new(0, Ranges.Where(range => !range.IsStatistic).Sum(range => range.Length));

    /// <summary>Tensor type of <see cref="Precision"/>.</summary>
    public torch.ScalarType ComputeType =>
        Precision switch
        {
            Precision.Bf16 => bfloat16,
            Precision.Fp16 => float16,
            _ => float32,
        };

    /// <summary>Master weights, which the optimizer updates and a checkpoint stores.</summary>
    public MasterWeights Weights { get; }

    /// <summary>Master weights kept in fp32: all of them, unless training.text_weights is bf16.</summary>
    public torch.Tensor Master => Weights.Wide;

    /// <summary>
    /// fp32 gradients, 1-D, with the layout of <see cref="Updated"/>. Allocated on first access: a model used only for encoding
    /// needs none.
    /// </summary>
    public torch.Tensor Gradients
    {
        get
        {
            if (_gradients is null)
            {
                using var scope = NewDisposeScope();
                _gradients = zeros([Updated.Length], float32, Master.device).DetachFromDisposeScope();
            }

            return _gradients;
        }
    }

    /// <summary>
    /// Compute-type copies of the parameters kept in fp32, in the order of the layout with locked ones last; null in fp32.
    /// </summary>
    public torch.Tensor? Compute { get; }

    /// <summary>
    /// The tensor that the model computes with: a leaf of the autograd graph in the compute type or fp32, or the master weight
    /// itself if that is bf16. Locked parameters do not require gradients.
    /// </summary>
    public torch.Tensor this[string name] => _leaves[IndexOf(name)];

    /// <summary>True if the model has a parameter of that name.</summary>
    public bool Has(string name) => _indexByName.ContainsKey(name);

    /// <summary>The parameters in a buffer that covers the layout or its beginning.</summary>
    public IEnumerable<ParameterSpec> In(torch.Tensor buffer)
    {
        var elements = buffer.numel();
        return Specs.Where((_, i) => _offsets[i] < elements);
    }

    /// <summary>A view of a parameter in a buffer that covers the layout or its beginning, in the parameter's shape.</summary>
    public torch.Tensor View(torch.Tensor buffer, string name)
    {
        var index = IndexOf(name);
        return buffer.narrow(0, _offsets[index], Specs[index].Count).view([.. Specs[index].Shape]);
    }

    /// <summary>A view of a parameter in master weights of this layout, in its storage type.</summary>
    public torch.Tensor View(MasterWeights weights, string name)
    {
        var index = IndexOf(name);
        return weights.Slice(_offsets[index], Specs[index].Count).view([.. Specs[index].Shape]);
    }

    /// <summary>A parameter's part of the layout, including the padding of its last block.</summary>
    public FlatSlice SliceOf(string name)
    {
        var index = IndexOf(name);
        return new FlatSlice(_offsets[index], (Specs[index].Count + FlatSlice.Alignment - 1) / FlatSlice.Alignment * FlatSlice.Alignment);
    }

    /// <summary>
    /// Replaces the gradient buffer by a new, zeroed one. An aborted collective may still write into the old buffer and keeps it
    /// alive. Also clears gradients that an interrupted backward pass has left in the leaves.
    /// </summary>
    public void ReplaceGradients()
    {
        foreach (var leaf in _leaves)
        {
            leaf.grad = null;
        }

        _gradients?.Dispose();
        _gradients = null;
    }

    /// <summary>
    /// A reducer that moves the gradients of the leaves into <see cref="Gradients"/> during backward, summed over the ranks. Leaf i
    /// belongs to entry i of <see cref="Specs"/>.
    /// </summary>
    public GradientReducer NewReducer(RankGroup group) =>
        group.NewReducer(
            [.. _leaves.Zip(_offsets, (leaf, offset) => new FlatLeaf(leaf, offset)).Where((_, i) => !Specs[i].IsLocked)],
            Gradients,
            GradientBuckets.Of(_parts)
        );

    /// <summary>Recomputes the compute-type copies; needed after the master weights are written other than by the optimizer.</summary>
    public void RefreshCompute()
    {
        if (Compute is null)
        {
            return;
        }

        using var guard = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (master, offset) in _computed)
        {
            Compute.narrow(0, offset, master.Length).copy_(Weights.Slice(master.Offset, master.Length));
        }
    }

    /// <summary>The compute-type copy of a part of the layout.</summary>
    public torch.Tensor ComputeOf(FlatSlice slice)
    {
        var (master, offset) = _computed.Last(part => part.Master.Offset <= slice.Offset);
        return Compute!.narrow(0, offset + slice.Offset - master.Offset, slice.Length);
    }

    /// <summary>Overwrites master weights of this layout, one parameter at a time.</summary>
    /// <param name="weights">Master weights on any device.</param>
    /// <param name="read">Writes a parameter's values into an fp32 host tensor of its shape.</param>
    public void Read(MasterWeights weights, Action<ParameterSpec, torch.Tensor> read)
    {
        using var guard = no_grad();
        foreach (var spec in Specs)
        {
            using var scope = NewDisposeScope();
            var host = zeros([.. spec.Shape], float32);
            read(spec, host);
            View(weights, spec.Name).copy_(host);
        }
    }

    /// <summary>Name of the first parameter with a NaN or infinity in the buffer, or null.</summary>
    public string? FirstNonFinite(torch.Tensor buffer)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return In(buffer).FirstOrDefault(spec => !double.IsFinite(SumOfSquares.Of(View(buffer, spec.Name).flatten())))?.Name;
    }

    public void Dispose()
    {
        foreach (var leaf in _leaves)
        {
            leaf.Dispose();
        }

        Weights.Dispose();
        _gradients?.Dispose();
        Compute?.Dispose();
    }

    private static int Group(ParameterSpec spec) =>
        spec switch
        {
            { IsNarrow: true } => spec.InComputeType ? -2 : -1,
            { IsLocked: true } => spec.InComputeType ? 5 : 6,
            { IsStatistic: true } => 4,
            _ => (spec.InComputeType ? 0 : 2) + (spec.Decays ? 0 : 1),
        };

    private static (int Group, double Rate) Treatment(ParameterSpec spec) => (Group(spec), spec.RateFactor);

    private int IndexOf(string name) =>
        _indexByName.TryGetValue(name, out var index) ? index : throw new KeyNotFoundException($"The model has no parameter '{name}'.");

    private void Initialize(IReadOnlyList<ParameterSpec> specs, ulong seed)
    {
        // Drawn on the CPU, so that a seed gives the same weights on every device.
        using var generator = new torch.Generator();
        generator.manual_seed(unchecked((long)seed));
        foreach (var spec in specs)
        {
            using var scope = NewDisposeScope();
            var place = View(Weights, spec.Name);
            var isDirect = !spec.IsNarrow && place.device_type == DeviceType.CPU;
            var drawn = isDirect ? place : zeros([.. spec.Shape], float32, CPU);
            spec.Initialize(drawn, generator);
            if (!isDirect)
            {
                place.copy_(drawn);
            }
        }
    }

    private torch.Tensor MakeLeaf(int index)
    {
        var spec = Specs[index];
        var weights =
            Compute is null || !spec.InComputeType || spec.IsNarrow
                ? View(Weights, spec.Name)
                : ComputeOf(new FlatSlice(_offsets[index], spec.Count)).view([.. spec.Shape]);
        return weights.requires_grad_(!spec.IsLocked);
    }
}
