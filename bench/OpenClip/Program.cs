using System.CommandLine;
using ClipTrain.Bench.OpenClip;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using ClipTrain.Trainer.Tests.Reference;
using static TorchSharp.torch;

// Runs the same weights and batch through open_clip and ClipTrain: features, logits, losses, gradients, five optimizer steps.
//
//     PYTHONPATH=…/open_clip/src dotnet run -c Release --project bench/OpenClip
//
// Exits with 1 if any difference exceeds its bar. `… -- evaluation MODEL CORPUS` compares counts of right answers instead.
var record = new Option<string?>("--record")
{
    Description = "Write open_clip's outputs to this file, tests/Trainer.Tests/Reference/open_clip.json.",
};
var names = new Argument<string[]>("MODEL") { DefaultValueFactory = _ => ["ViT-B-32", "RN50"] };
var program = new Option<string>("--cliptrain") { DefaultValueFactory = _ => "./cliptrain", Description = "Program whose export to test." };
var shipped = new Command("shipped", "Compare features of shipped models at full size with open_clip's models of the same name.") { names };
var exchange = new Command("exchange", "Compare features of small models after an export to open_clip, and of models that open_clip saved.")
{
    program,
};
var trained = new Argument<string>("MODEL") { Description = "A trained model, in any form that export accepts." };
var corpus = new Argument<string>("CORPUS") { Description = "A Parquet file with images, captions and a column label." };
var images = new Option<int>("--images") { DefaultValueFactory = _ => 1000, Description = "Number of images." };
var evaluation = new Command("evaluation", "Compare counts of right answers with open_clip's zero-shot and retrieval code.")
{
    trained,
    corpus,
    images,
    program,
};
var root = new RootCommand("Compare ClipTrain with open_clip on small versions of every model that both have.")
{
    record,
    shipped,
    exchange,
    evaluation,
};
root.SetAction(parsed => CompareAll(parsed.GetValue(record)));
shipped.SetAction(parsed => CompareShipped(parsed.GetRequiredValue(names)));
exchange.SetAction(parsed => CompareExchanged(new Exchange(parsed.GetRequiredValue(program))));
evaluation.SetAction(parsed =>
{
    using var counts = new Counts(parsed.GetRequiredValue(program), parsed.GetRequiredValue(trained));
    return counts.Compare(parsed.GetRequiredValue(corpus), parsed.GetRequiredValue(images));
});
return root.Parse(args).Invoke();

static int CompareAll(string? record)
{
    var recorded = new Dictionary<string, IReadOnlyDictionary<string, Sketch>>(StringComparer.Ordinal);
    var table = new ErrorTable();
    foreach (var reference in ReferenceCases.All)
    {
        OnBothSides(
            reference,
            ReferenceCase.Steps,
            table,
            (state, batch, peer) =>
            {
                var theirs = peer.Compare();
                var ours = ReferenceOutputs.Features(state.Model, batch);
                foreach (var (name, values) in ReferenceOutputs.Training(state, batch, reference))
                {
                    ours.Add(name, values);
                }

                foreach (var (name, values) in ours.Concat(theirs))
                {
                    ReferenceOutputs.DropKeyBias(name, values);
                }

                table.Add(reference.Name, ours, theirs);
                recorded.Add(
                    reference.Name,
                    ours.Keys.ToDictionary(name => name, name => Sketch.Of(name, theirs[name]), StringComparer.Ordinal)
                );
            }
        );
    }

    if (record is not null)
    {
        new Fixture(table.Versions, recorded).Write(record);
    }

    return table.Finish();
}

static int CompareShipped(string[] names)
{
    var table = new ErrorTable();
    foreach (var name in names)
    {
        var reference = new ReferenceCase(name, RunConfig.LoadModel(name)) { OpenClipName = name, Pairs = 4 };
        OnBothSides(
            reference,
            0,
            table,
            (state, batch, peer) => table.Add(name, ReferenceOutputs.Features(state.Model, batch), peer.Compare())
        );
    }

    return table.Finish();
}

static int CompareExchanged(Exchange exchange)
{
    var table = new ErrorTable(featureBar: 1e-6);
    foreach (var reference in ReferenceCases.All.Where(Exchange.CanExport))
    {
        OnBothSides(
            reference,
            0,
            table,
            (state, batch, peer) =>
            {
                var (ours, theirs) = (ReferenceOutputs.Features(state.Model, batch), exchange.ToOpenClip(reference, peer));
                table.Add($"to open_clip: {reference.Name}", ours, theirs);
                table.Add($"from open_clip: {reference.Name}", exchange.FromOpenClip(peer, batch), theirs);
            }
        );
    }

    return table.Finish();
}

static void OnBothSides(ReferenceCase reference, int steps, ErrorTable table, Action<TrainingState, TrainingBatch, Peer> compare)
{
    Threads.Set(1);
    using var scope = NewDisposeScope();
    using var state = new TrainingState(
        new RunOptions
        {
            Model = reference.Model,
            Data = new DataOptions { Train = ["unused"] },
            Training = reference.Training,
        }
    );
    SeededInputs.FillWeights(state.Model.Parameters, reference);
    var batch = SeededInputs.Batch(reference);
    using var peer = new Peer(reference, state.Model.Parameters, batch, steps);
    compare(state, batch, peer);
    table.Versions = peer.Versions;
}
