using ClipTrain.Torch;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// All parameters of a model in one fp32 allocation, their gradients in another, and in bf16 runs a bf16 copy of those
/// that the towers multiply by. The optimizer, the norm, the all-reduce and a checkpoint each see one buffer.
/// </summary>
/// <remarks>
/// Order in the buffers: compute-type parameters first, so that the bf16 copy is a prefix; within each half those that
/// decay first; BatchNorms' running statistics last. So the optimizer needs at most five ranges. Every parameter starts at a multiple of 16 elements.
/// </remarks>
public sealed class FlatParameters : IDisposable
{
    private const long Alignment = 16;
    private readonly Dictionary<string, int> _indexByName = new(StringComparer.Ordinal);
    private readonly torch.Tensor[] _leaves;
    private readonly long[] _offsets;

    /// <summary>Allocates the parameters and draws their initial values, in the order of <paramref name="specs"/>, from the seed.</summary>
    public FlatParameters(IReadOnlyList<ParameterSpec> specs, Precision precision, ulong seed, torch.Device? device = null)
    {
        Specs = [.. specs.OrderBy(Group)];
        Precision = precision;
        _offsets = new long[Specs.Count];
        var ranges = new List<OptimizerRange>();
        long end = 0;
        for (var i = 0; i < Specs.Count; i++)
        {
            var spec = Specs[i];
            if (i == 0 || Group(Specs[i - 1]) != Group(spec))
                ranges.Add(new OptimizerRange(end, 0, spec.Decays, spec.InComputeType, spec.IsStatistic));
            _offsets[i] = end;
            end += (spec.Count + Alignment - 1) / Alignment * Alignment;
            ranges[^1] = ranges[^1] with { Length = end - ranges[^1].Offset };
            _indexByName.Add(spec.Name, i);
        }

        Ranges = ranges;
        using (no_grad())
        using (var scope = NewDisposeScope())
        {
            Master = zeros([end], float32, device).DetachFromDisposeScope();
            Gradients = zeros([end], float32, device).DetachFromDisposeScope();
            var computeLength = ranges.Where(range => range.InComputeType).Sum(range => range.Length);
            if (precision == Precision.Bf16)
                Compute = zeros([computeLength], bfloat16, device).DetachFromDisposeScope();
            Initialize(specs, seed);
            _leaves = [.. Specs.Select((_, i) => MakeLeaf(i).DetachFromDisposeScope())];
        }

        RefreshCompute();
    }

    /// <summary>The parameters in the buffers' order.</summary>
    public IReadOnlyList<ParameterSpec> Specs { get; }

    /// <summary>The type that the towers compute in.</summary>
    public Precision Precision { get; }

    /// <summary>The ranges that the optimizer updates alike.</summary>
    public IReadOnlyList<OptimizerRange> Ranges { get; }

    /// <summary>The part of the buffers that is trained by gradients: all but the running statistics.</summary>
    public FlatSlice Trained => new(0, Ranges.Where(range => !range.IsStatistic).Sum(range => range.Length));

    /// <summary>fp32 master weights, 1-D.</summary>
    public torch.Tensor Master { get; }

    /// <summary>fp32 gradients, 1-D, laid out as <see cref="Master"/>.</summary>
    public torch.Tensor Gradients { get; private set; }

    /// <summary>bf16 copies of the compute-type parameters, a prefix of <see cref="Master"/>'s layout; null in fp32.</summary>
    public torch.Tensor? Compute { get; }

    /// <summary>The tensor that the model computes with: a leaf of the autograd graph, in the compute type or fp32.</summary>
    public torch.Tensor this[string name] => _leaves[IndexOf(name)];

    /// <summary>Whether there is a parameter of that name.</summary>
    public bool Has(string name) => _indexByName.ContainsKey(name);

    /// <summary>A view of a parameter's part of a buffer that has <see cref="Master"/>'s layout, in the parameter's shape.</summary>
    public torch.Tensor View(torch.Tensor buffer, string name)
    {
        var index = IndexOf(name);
        return buffer.narrow(0, _offsets[index], Specs[index].Count).view([.. Specs[index].Shape]);
    }

    /// <summary>
    /// Gives up the gradient buffer for a new one, of zeros: a collective that was broken off may still write into the old
    /// one, and keeps it until it no longer does. Leaves lose the gradients that a backward pass left there that was broken off.
    /// </summary>
    public void ReplaceGradients()
    {
        using var scope = NewDisposeScope();
        foreach (var leaf in _leaves)
            leaf.grad = null;
        Gradients.Dispose();
        Gradients = zeros_like(Master).DetachFromDisposeScope();
    }

    /// <summary>A reducer that moves the leaves' gradients into <see cref="Gradients"/> while backward runs, summed over the ranks.</summary>
    public distributed.GradientReducer NewReducer(RankGroup group) => group.NewReducer(_leaves, _offsets, Gradients, GradientBuckets.Of(Ranges));

    /// <summary>Moves the leaves' gradients into <see cref="Gradients"/>, added to what is there or in its place.</summary>
    public void CollectGradients(bool accumulate) => autograd.collect_grads(_leaves, _offsets, Gradients, accumulate);

    /// <summary>Rounds the master weights into the compute type anew; needed after they were written other than by the optimizer.</summary>
    public void RefreshCompute()
    {
        if (Compute is null)
            return;
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        Compute.copy_(Master.narrow(0, 0, Compute.numel()));
    }

    /// <summary>
    /// Overwrites the weights with those of a safetensors file, which must name every parameter. Positions of images at another
    /// resolution are resampled.
    /// </summary>
    /// <exception cref="CheckpointException">The file is broken or of another model.</exception>
    public void LoadMaster(string path)
    {
        using (var file = new SafetensorsFile(path))
        {
            Read(Master, (spec, place) =>
            {
                if (file.Entries.TryGetValue(spec.Name, out var entry) && PositionTable.IsOtherResolution(spec, entry.Shape))
                    place.copy_(PositionTable.Resize(file.Read(spec.Name, entry.Shape), spec.Shape[0]));
                else
                    file.Read(spec.Name, place.AsSpan<float>());
            });
        }

        RefreshCompute();
    }

    /// <summary>Overwrites a buffer of <see cref="Master"/>'s layout with a file's tensors, whose names are the parameters' behind a prefix.</summary>
    /// <exception cref="CheckpointException">The file is broken or of another model.</exception>
    public void Read(SafetensorsFile file, torch.Tensor buffer, string prefix) =>
        Read(buffer, (spec, place) => file.Read(prefix + spec.Name, place.AsSpan<float>()));

    /// <summary>The first parameter whose part of a buffer holds a NaN or an infinity, or null.</summary>
    public string? FirstNonFinite(torch.Tensor buffer)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        return Specs.FirstOrDefault(spec => !double.IsFinite(sum_of_squares(View(buffer, spec.Name).flatten())))?.Name;
    }

    public void Dispose()
    {
        foreach (var leaf in _leaves)
            leaf.Dispose();
        Master.Dispose();
        Gradients.Dispose();
        Compute?.Dispose();
    }

    private static int Group(ParameterSpec spec) => spec.IsStatistic ? 4 : (spec.InComputeType ? 0 : 2) + (spec.Decays ? 0 : 1);

    private int IndexOf(string name) => _indexByName.TryGetValue(name, out var index)
        ? index
        : throw new KeyNotFoundException($"The model has no parameter '{name}'.");

    private void Read(torch.Tensor buffer, Action<ParameterSpec, torch.Tensor> read)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var host = buffer.to(CPU);
        foreach (var spec in Specs)
            read(spec, View(host, spec.Name));
        buffer.copy_(host);
    }

    private void Initialize(IReadOnlyList<ParameterSpec> specs, ulong seed)
    {
        using var generator = new torch.Generator();
        generator.manual_seed(unchecked((long)seed));
        foreach (var spec in specs)
            spec.Initialize(View(Master, spec.Name), generator);
    }

    private torch.Tensor MakeLeaf(int index)
    {
        var spec = Specs[index];
        var buffer = Compute is not null && spec.InComputeType ? Compute : Master;
        return View(buffer, spec.Name).requires_grad_();
    }
}
