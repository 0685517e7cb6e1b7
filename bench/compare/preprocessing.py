"""What ConsistentID does with a reference before the denoising, as its repository does it: twelve rows through CLIP ViT-H, of which six
are the zero picture; one pass of the face parser; both projections, with and without the picture. The face networks (ONNX on both
sides) and the search for contours are left out, which is in the rival's favour."""
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import nn
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

VIT_H = dict(
    hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16, image_size=224, patch_size=14,
    hidden_act="gelu", projection_dim=1024,
)
PARTS = [(100, 80, 400, 460), (150, 180, 230, 220), (90, 200, 120, 290), (230, 220, 290, 310), (200, 350, 320, 380)]


def reference_preprocessing(path, built):
    encoder = built(lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**VIT_H)))
    encoder.vision_model.embeddings.position_ids = torch.arange(257).expand(1, -1)
    parser = built(BiSeNet)
    facial = built(lambda: Resampler(1280, 1024, 768, depth=8, heads=16))
    identity = built(lambda: Resampler(1280, 768, 768, depth=4, heads=12))
    latent, face_tokens = torch.randn(1, 1, 1024), torch.randn(1, 4, 768)
    processor = CLIPImageProcessor()
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)

    def features(pixels):
        return encoder(pixels, output_hidden_states=True).hidden_states[-2]

    def run():
        raw = Image.open(path).convert("RGB")
        small = torch.frombuffer(bytearray(raw.resize((512, 512), Image.Resampling.BILINEAR).tobytes()), dtype=torch.uint8)
        small = (small.view(512, 512, 3).permute(2, 0, 1) / 255 - mean) / std
        parser(small[None]).argmax(1)
        regions = [Image.composite(raw, Image.new("RGB", raw.size), ellipse(part).resize(raw.size)) for part in PARTS]
        pixels = [processor(images=image, return_tensors="pt").pixel_values for image in (raw, *regions)]
        whole, parts = pixels[0], torch.cat(pixels[1:])
        for picture, crops in ((whole, parts), (torch.zeros_like(whole), torch.zeros_like(parts))):
            identity(features(picture), face_tokens)
            facial(features(crops), latent.expand(len(crops), -1, -1))

    return run


def ellipse(box):
    mask = Image.new("L", (512, 512))
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


class Resampler(nn.Module):
    """functions.FacePerceiverResampler and functions.AttentionMLP."""

    def __init__(self, width, dim, out, depth, heads):
        super().__init__()
        self.proj_in, self.proj_out, self.norm_out = nn.Linear(width, dim), nn.Linear(dim, out), nn.LayerNorm(out)
        self.layers = nn.ModuleList(nn.ModuleList([Attention(dim, heads), feed_forward(dim)]) for _ in range(depth))

    def forward(self, x, latents):
        x = self.proj_in(x)
        for attention, forward in self.layers:
            latents = latents + attention(x, latents)
            latents = latents + forward(latents)
        return self.norm_out(self.proj_out(latents))


def feed_forward(dim):
    return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 4 * dim, bias=False), nn.GELU(), nn.Linear(4 * dim, dim, bias=False))


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        inner = heads * 64
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.to_q, self.to_kv, self.to_out = (nn.Linear(dim, n, bias=False) for n in (inner, 2 * inner, dim))

    def forward(self, x, latents):
        x, latents = self.norm1(x), self.norm2(latents)
        q = self.to_q(latents)
        k, v = self.to_kv(torch.cat((x, latents), dim=1)).chunk(2, dim=-1)
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2) * 1.0 for t in (q, k, v))
        weight = ((q * 64**-0.25) @ (k * 64**-0.25).transpose(-2, -1)).softmax(-1)
        return self.to_out((weight @ v).transpose(1, 2).flatten(2))


def conv_norm(width, out, kernel=3, stride=1):
    return nn.Sequential(nn.Conv2d(width, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out))


class Block(nn.Module):
    def __init__(self, width, out, stride):
        super().__init__()
        self.first, self.second = conv_norm(width, out, 3, stride), conv_norm(out, out)
        self.shortcut = conv_norm(width, out, 1, stride) if width != out or stride > 1 else nn.Identity()

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class BiSeNet(nn.Module):
    """zllrunning/face-parsing.PyTorch, output 0."""

    def __init__(self, classes=19):
        super().__init__()
        layer = lambda width, out, stride: nn.Sequential(Block(width, out, stride), Block(out, out, 1))
        self.stem = conv_norm(3, 64, 7, 2)
        self.layer1, self.layer2, self.layer3, self.layer4 = layer(64, 64, 1), layer(64, 128, 2), layer(128, 256, 2), layer(256, 512, 2)
        self.arm16, self.arm32 = conv_norm(256, 128), conv_norm(512, 128)
        self.weigh16, self.weigh32 = conv_norm(128, 128, 1), conv_norm(128, 128, 1)
        self.average, self.head32, self.head16 = conv_norm(512, 128, 1), conv_norm(128, 128), conv_norm(128, 128)
        self.fuse, self.squeeze, self.excite = conv_norm(256, 256, 1), nn.Conv2d(256, 64, 1, bias=False), nn.Conv2d(64, 256, 1, bias=False)
        self.out, self.classes = conv_norm(256, 256), nn.Conv2d(256, classes, 1, bias=False)

    def refine(self, conv, weigh, x):
        feature = F.relu(conv(x))
        return feature * torch.sigmoid(weigh(F.adaptive_avg_pool2d(feature, 1)))

    def forward(self, image):
        x = F.max_pool2d(F.relu(self.stem(image)), 3, 2, 1)
        feat8 = self.layer2(self.layer1(x))
        feat16 = self.layer3(feat8)
        feat32 = self.layer4(feat16)
        average = F.relu(self.average(F.adaptive_avg_pool2d(feat32, 1)))
        up = F.interpolate(self.refine(self.arm32, self.weigh32, feat32) + average, feat16.shape[2:])
        up = F.interpolate(self.refine(self.arm16, self.weigh16, feat16) + F.relu(self.head32(up)), feat8.shape[2:])
        feature = F.relu(self.fuse(torch.cat((feat8, F.relu(self.head16(up))), 1)))
        weight = torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(feature, 1)))))
        logits = self.classes(F.relu(self.out(feature * weight + feature)))
        return F.interpolate(logits, image.shape[2:], mode="bilinear", align_corners=True)
