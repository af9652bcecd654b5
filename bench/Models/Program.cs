using System.CommandLine;
using ClipTrain.Bench.Models;

// What models cost: the two forms of the patch embedding side by side, and activations against what `cliptrain model describe` says.
var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5 };
var patches = new Command("patches", "CPU seconds of the patch embedding as flatten + linear over those as a convolution.") { rounds };
patches.SetAction(parsed => PatchEmbeddings.Compare(parsed.GetValue(rounds)));
var models = new Argument<string[]>("MODEL") { DefaultValueFactory = _ => ["ViT-B-32", "ViT-B-16", "RN50"] };
var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 4 };
var activations = new Command("activations", "Heap that a recorded forward pass keeps, over what was said.") { models, batch };
activations.SetAction(parsed => KeptActivations.Compare(parsed.GetRequiredValue(models), parsed.GetValue(batch)));
return new RootCommand("Costs of models.") { patches, activations }
    .Parse(args)
    .Invoke();
