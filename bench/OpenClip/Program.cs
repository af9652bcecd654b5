using System.CommandLine;
using ClipTrain.Bench.OpenClip;
using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Tests.Reference;
using ClipTrain.Trainer.Training;
using static ClipTrain.Torch.torch;

// The same weights and batch through open_clip and through us: features, logits, loss, gradients, five optimizer steps.
//
//     PYTHONPATH=…/open_clip/src dotnet run -c Release --project bench/OpenClip
//
// Exits with 1 when anything is farther apart than its bar.
var record = new Option<string?>("--record") { Description = "Write what open_clip gives to this file, tests/Trainer.Tests/Reference/open_clip.json." };
var models = new Option<string[]>("--model") { Description = "Compare features of these shipped models, at full size, against open_clip's configuration of the name.", AllowMultipleArgumentsPerToken = true };
var root = new RootCommand("Numbers of ours against open_clip's.") { record, models };
root.SetAction(parsed => parsed.GetValue(models) is { Length: > 0 } names ? CompareShipped(names) : CompareSmall(parsed.GetValue(record)));
return root.Parse(args).Invoke();

static int CompareSmall(string? record)
{
    var recorded = new Dictionary<string, IReadOnlyDictionary<string, Sketch>>(StringComparer.Ordinal);
    var (table, versions) = (new ErrorTable(), "");
    foreach (var reference in ReferenceCases.All)
    {
        using var scope = NewDisposeScope();
        using var state = NewState(reference);
        var batch = SeededInputs.Batch(reference);
        (var theirs, versions) = Peer.Run(reference, state.Model.Parameters, batch, ReferenceCase.Steps);
        var ours = ReferenceOutputs.Features(state.Model, batch);
        foreach (var (name, values) in ReferenceOutputs.Training(state, batch, reference))
            ours.Add(name, values);
        foreach (var (name, values) in ours.Concat(theirs))
            ReferenceOutputs.DropKeyBias(name, values);
        table.Add(reference.Name, ours, theirs);
        recorded.Add(reference.Name, ours.Keys.ToDictionary(name => name, name => Sketch.Of(name, theirs[name]), StringComparer.Ordinal));
    }

    if (record is not null)
        new Fixture(versions, recorded).Write(record);
    return table.Finish(versions);
}

static int CompareShipped(string[] names)
{
    var (table, versions) = (new ErrorTable(), "");
    foreach (var name in names)
    {
        using var scope = NewDisposeScope();
        var reference = new ReferenceCase(name, RunConfig.LoadModel(name)) { OpenClipName = name, Pairs = 4 };
        using var state = NewState(reference);
        var batch = SeededInputs.Batch(reference);
        (var theirs, versions) = Peer.Run(reference, state.Model.Parameters, batch, 0);
        table.Add(name, ReferenceOutputs.Features(state.Model, batch), theirs);
    }

    return table.Finish(versions);
}

static TrainingState NewState(ReferenceCase reference)
{
    set_num_threads(1);
    var state = new TrainingState(new RunOptions { Model = reference.Model, Data = new DataOptions { Train = ["unused"] }, Training = reference.Training });
    SeededInputs.FillWeights(state.Model.Parameters, reference);
    return state;
}
