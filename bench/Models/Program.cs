using System.CommandLine;
using ClipTrain.Bench.Models;

// Cost of models: the two forms of the patch embedding side by side, and activations compared with `cliptrain model describe`.
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
var patches = new Command("patches", "Ratio of CPU seconds of the patch embedding: flatten + linear over convolution.") { rounds };
patches.SetAction(parsed => PatchEmbeddings.Compare(parsed.GetValue(rounds)));
var models = new Argument<string[]>("MODEL") { DefaultValueFactory = _ => ["ViT-B-32", "ViT-B-16", "RN50"] };
var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 4 };
var activations = new Command("activations", "Ratio of the memory that a recorded forward pass keeps to the prediction.") { models, batch };
activations.SetAction(parsed => KeptActivations.Compare(parsed.GetRequiredValue(models), parsed.GetValue(batch)));
return new RootCommand("Measure the cost of models.") { patches, activations }
    .Parse(args)
    .Invoke();
